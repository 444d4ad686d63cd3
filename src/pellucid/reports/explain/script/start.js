// The explain page's beginning: every part of it is given its clicks and keys.
import { need } from "./arrays.js";
import { shown } from "./dom.js";
import { centred, centredScale, legend, onColour, overviewPicture, paintPixels, scaleOf } from "./drawing.js";
import {
  chooseLayer,
  current,
  firstLayer,
  pinUnit,
  pinWeight,
  placeInAddress,
  rememberPlace,
  showTitle,
  showView,
  startCopying,
  startMaps,
  startStrip,
  startTabs,
} from "./page.js";
import { knownLayer, pageData, shownLayers, stored } from "./page_data.js";
import { drawLooks } from "./patches.js";
import { actions } from "./unit_views.js";
import { picturedNumbers } from "./values.js";

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
    for (const piece of pieces) {
      const number = data[Number(piece.dataset.at)];
      onColour(piece, colour(number));
      piece.title = shown(number, 3);
    }
    document.querySelector(`[data-driver-legend="${name}"]`)?.replaceChildren(legend(scale));
  }
}

// The overview: a picture of each stage, and the input before them.

function drawStages() {
  /** @type {NodeListOf<HTMLCanvasElement>} */
  const canvases = document.querySelectorAll("canvas[data-stage]");
  for (const canvas of canvases) {
    overviewPicture(canvas, picturedNumbers(knownLayer(canvas.dataset.stage ?? "")));
  }
  const input = document.querySelector(".image img")?.cloneNode();
  if (input instanceof HTMLImageElement) {
    input.alt = "";
    document.querySelector("[data-input-copy]")?.append(input);
  }
}

// The page's beginning: every part of it is given its clicks and keys, and the place in the address is shown.

function start() {
  document.documentElement.classList.add("scripted");
  Object.assign(actions, { pinUnit, pinWeight });
  startTabs(() => {
    const { view, pinned, isChosen, isAsked } = current;
    // What the page chose itself gives way to what matters most in this view.
    if (pinned) chooseLayer(isChosen ? pinned.layer : firstLayer(view), isAsked ? pinned.unit : null);
    rememberPlace();
  });
  drawDrivers();
  drawStages();
  drawLooks();
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
    const isOpened = current.view === "forward" || current.view === "backward";
    if (current.view !== before && current.pinned && isOpened) showTitle();
  };
  showPlaceInAddress();
}

function showPlaceInAddress() {
  const { view, layer, isNamed, unit, weight } = placeInAddress();
  showView(view);
  current.isChosen = isNamed;
  if (layer) chooseLayer(layer, unit, weight);
}

start();
