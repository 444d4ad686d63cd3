// The explain page's beginning: every part of it is given its clicks and keys.
import { need } from "./arrays.js";
import { byId, shown } from "./dom.js";
import { centred, centredScale, legend, onColour, paintPixels, scaleOf } from "./drawing.js";
import {
  chooseLayer,
  current,
  pinUnit,
  pinWeight,
  placeInAddress,
  rememberPlace,
  showView,
  startCopying,
  startMaps,
  startStrip,
  startTabs,
} from "./page.js";
import { pageData, shownLayers, stored } from "./page_data.js";
import { actions } from "./unit_views.js";

// What drove the answer: the scores of each explanation, over the image or behind the pieces of the text.

function drawDrivers() {
  for (const { name, centred: isCentred } of pageData.drivers) {
    const { shape, data } = need(stored(`driver:${name}`));
    const scale = isCentred ? centredScale(Math.max(...Array.from(data, Math.abs))) : scaleOf(data);
    /** @type {HTMLCanvasElement | null} */
    const canvas = document.querySelector(`canvas[data-driver="${name}"]`);
    if (canvas) paintPixels(canvas, shape, data, scale);
    /** @type {NodeListOf<HTMLElement>} */
    const pieces = document.querySelectorAll(`[data-driver-pieces="${name}"] span`);
    const colour = scale.signed ? scale.colour : centred(scale.high || 1);
    pieces.forEach((piece, at) => {
      onColour(piece, colour(data[at]));
      piece.title = shown(data[at], 3);
    });
    document.querySelector(`[data-driver-legend="${name}"]`)?.replaceChildren(legend(scale));
  }
}

// The page's beginning: every part of it is given its clicks and keys, and the place in the address is shown.

function start() {
  document.documentElement.classList.add("scripted");
  Object.assign(actions, { pinUnit, pinWeight });
  startTabs(() => {
    const { pinned } = current;
    if (pinned) chooseLayer(pinned.layer, pinned.unit);
    rememberPlace();
  });
  drawDrivers();
  if (shownLayers.length) {
    startStrip();
    startMaps();
    startCopying();
  }
  // The link to the page's main part is no place of its own.
  window.onhashchange = () => {
    if (location.hash === "#main") return;
    const before = current.view;
    showPlaceInAddress();
    if (current.view !== before && current.pinned) byId("layer-title").scrollIntoView({ block: "nearest" });
  };
  showPlaceInAddress();
}

function showPlaceInAddress() {
  const { view, layer, unit, weight } = placeInAddress();
  showView(view);
  if (layer) chooseLayer(layer, unit, weight);
}

start();
