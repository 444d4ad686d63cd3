// The beginning of the still page of an explanation: every part of it is given its clicks and keys.
import { drawDrivers, drawStages } from "./drivers.js";
import { startCopying, startMaps, startStrip, startUnits, startViews } from "./page.js";
import { shownLayers } from "./page_data.js";
import { drawLooks } from "./patches.js";
import { startSliders } from "./sliders.js";

document.documentElement.classList.add("scripted");
startUnits();
drawDrivers();
drawStages();
drawLooks();
if (shownLayers.length) {
  startStrip();
  startMaps();
  startCopying();
}
startSliders();
startViews();
