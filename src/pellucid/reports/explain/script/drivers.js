// What drove the answer, and the network at a glance: scores over the image or text, and a picture of each stage.
import { need } from "./arrays.js";
import { shown } from "./dom.js";
import { centred, centredScale, legend, onColour, overviewPicture, paintPixels, scaleOf } from "./drawing.js";
import { knownLayer, pageData, stored } from "./page_data.js";
import { picturedNumbers } from "./values.js";

/** The scores of each explanation, over the image or behind the pieces of the text. */
export function drawDrivers() {
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

/** A picture of each stage, and the input before them. */
export function drawStages() {
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
