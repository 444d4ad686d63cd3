// Pictures of examples, of weights and of what layers make, and the plane on which points are decided.
import { product, wholeOf } from "../../../reports/explain/script/arrays.js";
import { contextOf, element } from "../../../reports/explain/script/dom.js";
import {
  centredScale,
  layout,
  paint,
  paintPixels,
  scaleOf,
  thumbnail,
} from "../../../reports/explain/script/drawing.js";
/** @import { Floats } from "../../../reports/explain/script/types.js" */
/** @import { Data, Examples, Progress } from "./types.js" */

/** Colours of the first two classes of points. */
const TWO_CLASSES = ["#0072b2", "#e69f00"];
/** Units whose weights are drawn, and pixels of the width that they take. */
const [MOST_UNITS, WIDTH_OF_WEIGHTS] = [16, 440];
/** Numbers along each side of the picture of a unit that sees a point. */
const PLANE = 21;

/**
 * An example: an image, all points of a data set, or a letter for texts.
 * @param {HTMLCanvasElement} canvas @param {Data} data @param {number} at @param {Examples} [examples]
 */
export function paintExample(canvas, data, at, examples = data.train) {
  const { inputs } = examples;
  if (inputs instanceof Uint8Array) {
    const [channels, height, width] = data.shape;
    const size = height * width;
    Object.assign(canvas, { width, height });
    const context = contextOf(canvas);
    const image = context.createImageData(width, height);
    for (let pixel = 0; pixel < size; pixel += 1) {
      for (let part = 0; part < 3; part += 1) {
        image.data[4 * pixel + part] = inputs[at * channels * size + (part % channels) * size + pixel];
      }
      image.data[4 * pixel + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return;
  }
  Object.assign(canvas, { width: 96, height: 96 });
  const context = contextOf(canvas);
  if (inputs instanceof Float32Array) {
    drawPoints(context, examples, { side: 96, reach: 1.2, radius: 2 });
    return;
  }
  context.fillStyle = getComputedStyle(document.body).color;
  context.font = "52px serif";
  context.textAlign = "center";
  context.fillText("Aa", 48, 66);
}

/** @param {CanvasRenderingContext2D} context @param {Examples} examples @param {{ side: number, reach: number, radius: number }} plane */
function drawPoints(context, { inputs, labels }, { side, reach, radius }) {
  const points = /** @type {Float32Array} */ (inputs);
  labels.forEach((label, at) => {
    const x = (side * (points[2 * at] + reach)) / (2 * reach);
    const y = (side * (reach - points[2 * at + 1])) / (2 * reach);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = TWO_CLASSES[label % 2];
    context.fill();
    context.strokeStyle = "#fff";
    context.lineWidth = radius / 4;
    context.stroke();
  });
}

/** Points over what is decided at each place. @param {HTMLCanvasElement} canvas @param {Data} data @param {NonNullable<Progress["boundary"]>} boundary @param {number} pinned of validation */
export function paintPlane(canvas, data, { size, reach, answers }, pinned) {
  const side = 384;
  const ground = element("canvas");
  // A difference of the scores beyond 4 is as good as certain.
  const scale = centredScale(4);
  paintPixels(
    ground,
    [size, size],
    Array.from(answers, (each) => Math.max(-4, Math.min(4, each))),
    scale,
  );
  Object.assign(canvas, { width: side, height: side });
  const context = contextOf(canvas);
  context.imageSmoothingEnabled = false;
  context.globalAlpha = 0.7;
  context.drawImage(ground, 0, 0, side, side);
  context.globalAlpha = 1;
  drawPoints(context, data.train, { side, reach, radius: 4 });
  const { inputs } = data.validation;
  if (!(inputs instanceof Float32Array)) return;
  const [x, y] = [inputs[2 * pinned] + reach, reach - inputs[2 * pinned + 1]].map(
    (each) => (side * each) / (2 * reach),
  );
  context.lineWidth = 3;
  for (const [radius, colour] of /** @type {[number, string][]} */ ([
    [9, "#fff"],
    [6, "#000"],
  ])) {
    context.strokeStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}

/**
 * The weights of the first layer: a picture for each filter, or each unit that sees an image; null of others.
 * @param {HTMLCanvasElement} canvas @param {number[]} shape of the tensor @param {Floats} weights @param {Data} data
 */
export function paintWeights(
  canvas,
  shape,
  weights,
  { train: { inputs }, shape: [channels, rows, columns] },
) {
  if ("ids" in inputs) return null;
  const isKernel = shape.length === 4;
  const units = Math.min(MOST_UNITS, shape[0]);
  const form = [
    units,
    ...(isKernel ? shape.slice(2) : inputs instanceof Uint8Array ? [rows, columns] : [PLANE, PLANE]),
  ];
  const data = new Float32Array(product(form));
  const size = form[1] * form[2];
  for (let at = 0; at < data.length; at += 1) {
    const [unit, place] = [Math.floor(at / size), at % size];
    if (inputs instanceof Float32Array) {
      const [x, y] = [(place % PLANE) / (PLANE - 1) - 0.5, 0.5 - Math.floor(place / PLANE) / (PLANE - 1)];
      data[at] = 2 * (x * weights[2 * unit] + y * weights[2 * unit + 1]);
      continue;
    }
    // Of a coloured image the weights of its colours are added up.
    for (let channel = 0; channel < channels; channel += 1) {
      data[at] += weights[(unit * channels + channel) * size + place];
    }
  }
  return paint(canvas, wholeOf(form, data), layout(form, WIDTH_OF_WEIGHTS, isKernel ? 40 : 64));
}

/** What a layer made of one example: every map, or every number. @param {HTMLCanvasElement} canvas @param {number[]} shape @param {Floats} made */
export const paintLayer = (canvas, shape, made) =>
  paint(canvas, wholeOf(shape, made), layout(shape, WIDTH_OF_WEIGHTS));

/** What a layer made of one example, small. @param {HTMLCanvasElement} canvas @param {number[]} shape @param {Floats} made */
export function paintMade(canvas, shape, made) {
  if (shape.length === 3) thumbnail(canvas, wholeOf(shape, made));
  else {
    const side = Math.ceil(Math.sqrt(shape[0]));
    paintPixels(canvas, [Math.ceil(shape[0] / side), side], made, scaleOf(made));
  }
}
