// The network, alive: every layer follows the input, and any unit of it opens its arithmetic.
import { forgetValues, value } from "../../../../reports/explain/script/arithmetic/values.js";
import { clamp } from "../../../../reports/explain/script/data/arrays.js";
import { keep } from "../../../../reports/explain/script/data/stored.js";
import { shownLayers } from "../../../../reports/explain/script/data/told.js";
import { thumbnail } from "../../../../reports/explain/script/drawing/thumbnail.js";
import { placeInAddress } from "../../../../reports/explain/script/page/address.js";
import { startCopying } from "../../../../reports/explain/script/page/copying.js";
import { drawLayer } from "../../../../reports/explain/script/page/layer.js";
import { startMaps } from "../../../../reports/explain/script/page/maps.js";
import { chooseLayer, pinUnit, stripButtons } from "../../../../reports/explain/script/page/pinning.js";
import { current } from "../../../../reports/explain/script/page/state.js";
import { startStrip } from "../../../../reports/explain/script/page/strip.js";
import { drawUnit } from "../../../../reports/explain/script/page/unit.js";
import { actions } from "../../../../reports/explain/script/views/actions.js";
/** @import { Whole } from "../../../../reports/explain/script/types.js" */

/** @type {{ canvases: (HTMLCanvasElement | null)[], isStarted: boolean }} */
const glass = { canvases: [], isStarted: false };

/**
 * Show every layer as it is for an input.
 * @param {Map<string, Whole>} values
 */
export function showValues(values) {
  for (const [name, found] of values) keep(name, found);
  forgetValues();
  if (!shownLayers.length) return;
  if (glass.isStarted) drawAnew();
  else startGlass();
}

function startGlass() {
  glass.isStarted = true;
  Object.assign(actions, { pinUnit });
  glass.canvases = [...stripButtons()].map((button) => button.querySelector("canvas"));
  startStrip();
  startMaps();
  startCopying();
  openPlace();
  window.onhashchange = () => {
    if (location.hash.includes("/")) openPlace();
  };
}

function openPlace() {
  const { layer, unit } = placeInAddress();
  if (layer) chooseLayer(layer, unit);
}

function drawAnew() {
  shownLayers.forEach((layer, at) => {
    const canvas = glass.canvases[at];
    if (canvas) thumbnail(canvas, value(layer.name));
  });
  const { pinned } = current;
  if (!pinned) return;
  pinned.unit = clamp(pinned.unit, pinned.layer.shape); // of a text, which may have become shorter
  drawLayer(pinned.layer);
  drawUnit(pinned);
}
