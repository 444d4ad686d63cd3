// Numbers drawn into canvases: the maps of a layer, and one number for each pixel.
import { product, unravel } from "../data/arrays.js";
import { contextOf } from "../dom/element.js";
import { BRIGHT, mixed, SIGNED } from "./colours.js";
import { scaleOf } from "./scales.js";
/** @import { Colour, Layout, Numbers, Pair, Scale, Shape, Unit } from "../types.js" */

/** Steps of the way through the colours of a scale that are told apart. */
const STEPS = 2048;

/**
 * Colours from one end of a scale to the other, each as the four bytes of a pixel.
 * @param {Colour[]} stops
 */
const ramp = (stops) => Uint32Array.from({ length: STEPS + 1 }, (_, at) => pixelOf(mixed(stops, at / STEPS)));

/** @param {Colour} colour */
const pixelOf = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

const RAMPS = { signed: ramp(SIGNED), bright: ramp(BRIGHT) };
const GREY = pixelOf([128, 128, 128]);

/**
 * From numbers to pixels, for many of them.
 * @param {Scale} scale
 */
function pixelsOf({ low, high, signed }) {
  const colours = signed ? RAMPS.signed : RAMPS.bright;
  const steps = STEPS / (high - low || 1);
  /** @param {number} number */
  return (number) => colours[Math.min(STEPS, Math.max(0, Math.round((number - low) * steps)))];
}

/**
 * Draw an array and give back its scale; rows that the page lacks stay grey.
 * @param {HTMLCanvasElement} canvas
 * @param {Numbers} found
 * @param {Layout} plan
 */
export function paint(canvas, found, plan) {
  Object.assign(canvas, { width: plan.width, height: plan.height });
  const context = contextOf(canvas);
  const scale = scaleOf(found.data);
  const image = context.createImageData(plan.width, plan.height);
  const pixels = new Uint32Array(image.data.buffer);
  const pixel = pixelsOf(scale);
  const size = product(found.shape.slice(1));
  for (let first = 0; first < found.shape[0]; first += 1) {
    const row = found.row(first);
    for (let rest = 0; rest < size; rest += 1) {
      const spot = plan.spot(unravel(first * size + rest, found.shape));
      fillCell(pixels, plan, spot, row ? pixel(row[rest]) : GREY);
    }
  }
  context.putImageData(image, 0, 0);
  return scale;
}

/**
 * @param {Uint32Array} pixels
 * @param {Layout} plan
 * @param {Pair} spot
 * @param {number} pixel
 */
function fillCell(pixels, { width, cell: [wide, high] }, [x, y], pixel) {
  for (let row = y; row < y + high; row += 1) pixels.fill(pixel, row * width + x, row * width + x + wide);
}

/**
 * Mark one number that is drawn: black around its cell, and white around that.
 * @param {HTMLCanvasElement} canvas
 * @param {Layout} plan
 * @param {Unit} unit
 */
export function outline(canvas, plan, unit) {
  const context = contextOf(canvas);
  const [x, y] = plan.spot(unit);
  context.lineWidth = 2;
  context.strokeStyle = "#000";
  context.strokeRect(x - 1, y - 1, plan.cell[0] + 2, plan.cell[1] + 2);
  context.lineWidth = 1;
  context.strokeStyle = "#fff";
  context.strokeRect(x - 2.5, y - 2.5, plan.cell[0] + 5, plan.cell[1] + 5);
}

/**
 * Draw one pixel for each number.
 * @param {HTMLCanvasElement} canvas
 * @param {Shape} shape height and width
 * @param {ArrayLike<number>} data as many numbers, or fewer
 * @param {Scale} scale
 */
export function paintPixels(canvas, [height, width], data, scale) {
  Object.assign(canvas, { height, width });
  const context = contextOf(canvas);
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const pixel = pixelsOf(scale);
  for (let at = 0; at < data.length && at < height * width; at += 1) pixels[at] = pixel(data[at]);
  context.putImageData(image, 0, 0);
}
