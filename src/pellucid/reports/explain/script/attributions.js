// Where an answer comes from, for the input of the page, by the formulas of `pellucid.insight.attribution`.
import { need, product, wholeOf } from "./arrays.js";
import { gradientsFrom } from "./backward.js";
import { sumOf } from "./shares.js";
/** @import { Floats, Run, Whole } from "./types.js" */

/** Layers that take the last maps. */
const POOLS = ["global-max", "global-average", "flatten"];

/**
 * Grad-CAM: the last maps, each weighed by its mean gradient, added up; what is above zero, at the size of the image.
 * Null where a network has no such maps.
 * @param {Run} run @param {Map<string, Floats>} start slopes of the score at the outputs
 */
export function gradCam(run, start) {
  const last = [...run.layers].reverse().find(({ kind }) => POOLS.includes(kind));
  const place = last?.takes[0] ?? "";
  const maps = run.values.get(place);
  if (!maps || maps.shape.length < 3 || !run.layers.some(({ kind }) => kind === "convolution")) return null;
  const [channels, rows, columns] = maps.shape;
  const gradient = need(gradientsFrom(run, start, place).get(`gradient:${place}`));
  const sums = new Float64Array(rows * columns);
  for (let channel = 0; channel < channels; channel += 1) {
    const weight = sumOf(gradient.row(channel)) / sums.length;
    maps.row(channel).forEach((each, at) => {
      sums[at] += weight * each;
    });
  }
  const [, height, width] = need(run.values.get("inputs")).shape;
  const [down, across] = [neighboursOf(rows, height), neighboursOf(columns, width)];
  const drawn = Float64Array.from({ length: height * width }, (_, at) => {
    let sum = 0;
    for (const [row, share] of down[Math.floor(at / width)]) {
      for (const [column, other] of across[at % width]) {
        sum += share * other * Math.max(0, sums[row * columns + column]);
      }
    }
    return sum;
  });
  return wholeOf([height, width], drawn);
}

/** Both neighbours of each pixel among fewer, with their shares. @param {number} before @param {number} after */
const neighboursOf = (before, after) =>
  Array.from({ length: after }, (_, at) => {
    const place = Math.max(0, ((at + 0.5) * before) / after - 0.5);
    const first = Math.min(before - 1, Math.floor(place));
    return [
      [first, 1 - (place - first)],
      [Math.min(first + 1, before - 1), place - first],
    ];
  });

/**
 * Numbers times their slopes, added up over channels: of an image for each pixel, of vectors for each token.
 * @param {Whole} found @param {Floats} slopes
 */
export function inputTimesGradient({ shape, data }, slopes) {
  const isImage = shape.length === 3;
  const sums = wholeOf(isImage ? shape.slice(1) : shape.slice(0, 1), new Float64Array(0));
  const made = new Float64Array(product(sums.shape));
  const size = data.length / made.length;
  for (let at = 0; at < data.length; at += 1) {
    made[isImage ? at % made.length : Math.floor(at / size)] += data[at] * slopes[at];
  }
  return wholeOf(sums.shape, made);
}

/**
 * Integrated gradients: the mean slope on the straight way from a baseline to the input, times the way.
 * @param {(inputs: Whole) => Run} runOn @param {(run: Run) => Map<string, Floats>} startOf slopes at the outputs
 * @param {Whole} inputs @param {Floats} baseline @param {number} steps
 */
export function integratedGradients(runOn, startOf, { shape, data }, baseline, steps = 32) {
  const slopes = new Float64Array(data.length);
  const way = data.map((each, at) => each - baseline[at]);
  for (let step = 0; step < steps; step += 1) {
    const share = (step + 0.5) / steps;
    const run = runOn(
      wholeOf(
        shape,
        way.map((each, at) => baseline[at] + share * each),
      ),
    );
    const found = need(gradientsFrom(run, startOf(run)).get("gradient:inputs"));
    for (let at = 0; at < slopes.length; at += 1) slopes[at] += found.data[at] / steps;
  }
  return inputTimesGradient(wholeOf(shape, way), slopes);
}

/** The mean colour of an image at every pixel, from which ways begin and with which windows are painted. @param {Whole} image */
export function paintOf({ shape, data, row }) {
  const size = product(shape.slice(1));
  const colours = Array.from({ length: shape[0] }, (_, channel) => {
    const mean = sumOf(row(channel)) / size;
    return mean % 1 === 0.5 ? 2 * Math.round(mean / 2) : Math.round(mean);
  });
  return data.map((_, at) => colours[Math.floor(at / size)]);
}

/** Most cells along a side of an image. */
const MOST_CELLS = 14;

/**
 * Occlusion: how far an answer falls when a window of three by three cells, around every second cell, is painted over;
 * of each cell the mean over all windows that cover it.
 * @param {Whole} image @param {(image: Whole) => number} ask
 */
export function occlusion(image, ask) {
  const { shape, data } = image;
  const [, height, width] = shape;
  const [rows, columns] = [Math.min(MOST_CELLS, height), Math.min(MOST_CELLS, width)];
  const paint = paintOf(image);
  const [sums, counts] = [new Float64Array(rows * columns), new Float64Array(rows * columns)];
  const before = ask(image);
  /** @param {number} at @param {number} middle */
  const isNear = (at, middle) => Math.abs(at - middle) < 2;
  for (let down = 0; down < rows; down += 2) {
    for (let across = 0; across < columns; across += 2) {
      const painted = data.map((each, at) => {
        const row = Math.floor(((Math.floor(at / width) % height) * rows) / height);
        const column = Math.floor(((at % width) * columns) / width);
        return isNear(row, down) && isNear(column, across) ? paint[at] : each;
      });
      const lost = before - ask(wholeOf(shape, painted));
      for (let at = 0; at < sums.length; at += 1) {
        if (!isNear(Math.floor(at / columns), down) || !isNear(at % columns, across)) continue;
        sums[at] += lost;
        counts[at] += 1;
      }
    }
  }
  return wholeOf(
    [rows, columns],
    sums.map((sum, at) => sum / counts[at]),
  );
}
