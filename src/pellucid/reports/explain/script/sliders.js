// Latent variables under sliders: the decoder makes the image anew at every move, layer by layer.
import { needWhole, unlessMissing, wholeOf } from "./arrays.js";
import { canvasById, contextOf } from "./dom.js";
import { computed } from "./layers.js";
import { layerCalled, pageData } from "./page_data.js";
import { layerValue, tensorOf } from "./values.js";
/** @import { Layer, Whole } from "./types.js" */

/** The layer whose numbers are the latent variables that the decoder takes. */
const LATENT = "draw";

/** The image that the decoder makes of some latent variables. @param {Layer} latent @param {Float64Array} numbers @param {string} rebuilt name of the layer that gives it */
function decoded(latent, numbers, rebuilt) {
  /** @type {Map<string, Whole>} */
  const values = new Map([[LATENT, wholeOf(latent.shape, numbers)]]);
  for (const layer of pageData.layers) {
    if (layer.hidden || values.has(rebuilt) || !layer.takes.some((name) => values.has(name))) continue;
    const sources = layer.takes.map((name) => values.get(name) ?? needWhole(layerValue(name)));
    const weights = layer.weights.map((_, which) => tensorOf(layer, which));
    values.set(layer.name, computed(layer, sources, weights, Float64Array));
  }
  return needWhole(values.get(rebuilt) ?? null);
}

/** Draw an image of grey levels or colours from 0 to 255. @param {HTMLCanvasElement} canvas @param {Whole} image */
function paintLevels(canvas, { shape: [channels, height, width], data }) {
  Object.assign(canvas, { width, height });
  const pixels = new ImageData(width, height);
  const size = height * width;
  for (let at = 0; at < size; at += 1) {
    for (let part = 0; part < 3; part += 1) pixels.data[4 * at + part] = data[(part % channels) * size + at];
    pixels.data[4 * at + 3] = 255;
  }
  contextOf(canvas).putImageData(pixels, 0, 0);
}

/** Let sliders move the latent variables from their means for the image; without the numbers for it they are not shown. */
export function startSliders() {
  const holder = document.getElementById("sliders");
  const [latent, end] = [layerCalled(LATENT), pageData.layers.find(({ kind }) => kind === "reconstruction")];
  const means = unlessMissing(() => Float64Array.from(needWhole(layerValue("means")).data));
  if (!holder || !latent || latent.hidden || !end || !means) return;
  const numbers = Float64Array.from(means);
  const canvas = canvasById("decoded");
  const draw = () => paintLevels(canvas, decoded(latent, numbers, end.takes[1]));
  if (unlessMissing(() => (draw(), true)) === null) return;
  holder.hidden = false;
  /** @type {NodeListOf<HTMLInputElement>} */
  const sliders = holder.querySelectorAll("input");
  for (const slider of sliders) {
    const at = Number(slider.dataset.latent);
    slider.oninput = () => {
      numbers[at] = Number(slider.value);
      draw();
    };
  }
  const back = holder.querySelector("button");
  if (!back) return;
  back.onclick = () => {
    numbers.set(means);
    for (const slider of sliders) slider.value = String(means[Number(slider.dataset.latent)]);
    draw();
  };
}
