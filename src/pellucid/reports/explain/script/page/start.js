// The page's beginning: every part of it is given its clicks and keys, and the place in the address is shown.
import { shownLayers } from "../data/told.js";
import { byId } from "../dom/element.js";
import { actions } from "../views/actions.js";
import { placeInAddress, rememberPlace } from "./address.js";
import { startCopying } from "./copying.js";
import { drawDrivers } from "./drivers.js";
import { startMaps } from "./maps.js";
import { chooseLayer, pinUnit, pinWeight } from "./pinning.js";
import { current } from "./state.js";
import { startStrip } from "./strip.js";
import { showView, startTabs } from "./tabs.js";

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
