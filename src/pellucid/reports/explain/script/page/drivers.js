// What drove the answer: the scores of each explanation, over the image or behind the pieces of the text.
import { need } from "../data/missing.js";
import { stored } from "../data/stored.js";
import { told } from "../data/told.js";
import { shown } from "../dom/numbers.js";
import { onColour } from "../drawing/colours.js";
import { paintPixels } from "../drawing/paint.js";
import { centred, centredScale, legend, scaleOf } from "../drawing/scales.js";

export function drawDrivers() {
  for (const { name, centred: isCentred } of told.drivers) {
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
