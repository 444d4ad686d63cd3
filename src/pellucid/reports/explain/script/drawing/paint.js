// Numbers drawn into canvases: the maps of a layer, and one number for each pixel.
import { product, unravel } from "../data/arrays.js";
import { contextOf } from "../dom/element.js";
import { inCss } from "./colours.js";
import { scaleOf } from "./scales.js";
/** @import { Colour, Layout, Numbers, Scale, Shape, Unit } from "../types.js" */

/** @type {Colour} */
const GREY = [128, 128, 128];

/**
 * Draw an array and give back its scale; rows that the page lacks stay grey.
 * @param {HTMLCanvasElement} canvas
 * @param {Numbers} found
 * @param {Layout} plan
 */
export function paint(canvas, found, plan) {
  canvas.width = plan.width;
  canvas.height = plan.height;
  const context = contextOf(canvas);
  const scale = scaleOf(found.data);
  const [count, size] = [product(found.shape), product(found.shape.slice(1))];
  for (let at = 0; at < count; at += 1) {
    const row = found.row(Math.floor(at / size));
    context.fillStyle = inCss(row ? scale.colour(row[at % size]) : GREY);
    const [x, y] = plan.spot(unravel(at, found.shape));
    context.fillRect(x, y, plan.cell[0], plan.cell[1]);
  }
  return scale;
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
  canvas.height = height;
  canvas.width = width;
  const context = contextOf(canvas);
  const image = context.createImageData(width, height);
  for (let at = 0; at < data.length && at < height * width; at += 1) {
    image.data.set([...scale.colour(data[at]), 255], 4 * at);
  }
  context.putImageData(image, 0, 0);
}
