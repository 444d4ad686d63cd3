// Layers whose units are one weighed sum: what a unit sees, times its weights.
import { gramOf } from "../data/tokens.js";
import { need, needWhole } from "../data/missing.js";
import { mixedValue } from "./attention.js";
import { shapeOf } from "../data/told.js";
import { sharesOf } from "./shares.js";
import { value } from "./values.js";
import { biasOf, tensorOf, weigh, weightPlaces } from "./weighing.js";
import { averaged } from "./windows.js";
/** @import { HiddenLayer, Layer, Numbers, Pair, Shape, Unit, WeighedKind, Weighing } from "../types.js" */

/** @type {{ [K in WeighedKind]: (layer: Layer<K>, unit: Unit) => Weighing }} */
const sums = {
  dense(layer, index) {
    const unit = index[index.length - 1];
    const inputs = value(layer.takes[0]);
    const patch = index.length === 2 ? need(need(inputs).row(index[0])) : needWhole(inputs).data;
    const weights = need(tensorOf(layer).row(unit));
    const shape = [patch.length];
    const weightAt = weightPlaces(layer, unit, shape);
    return weigh({ patch, weights, shape, bias: biasOf(layer, unit), weightAt });
  },
  convolution(layer, [filter, row, column]) {
    const maps = need(value(layer.takes[0]));
    const weight = tensorOf(layer);
    const shape = weight.shape.slice(1);
    const { stride, padding } = layer.settings;
    const first = firstChannel(layer, weight.shape, filter);
    const corner = [row * stride[0] - padding[0], column * stride[1] - padding[1]];
    const patch = patchOf(maps, shape, first, /** @type {Pair} */ (corner));
    const weightAt = weightPlaces(layer, filter, shape);
    return weigh({ patch, weights: need(weight.row(filter)), shape, bias: biasOf(layer, filter), weightAt });
  },
  "transposed-convolution"(layer, [channel, row, column]) {
    const maps = needWhole(value(layer.takes[0]));
    const weight = tensorOf(layer);
    const [inputs, , height, width] = weight.shape;
    const { stride, padding } = layer.settings;
    const down = meeting(row, [stride[0], padding[0]], height, maps.shape[1]);
    const across = meeting(column, [stride[1], padding[1]], width, maps.shape[2]);
    const places = Array.from({ length: inputs }, (_, i) => i).flatMap((i) =>
      down.flatMap(([r, k]) => across.map(([c, l]) => ({ i, r, c, k, l }))),
    );
    const patch = places.map(({ i, r, c }) => maps.row(i)[r * maps.shape[2] + c]);
    const weights = places.map(({ i, k, l }) => need(weight.row(i))[(channel * height + k) * width + l]);
    return weigh({
      patch: Float64Array.from(patch),
      weights: Float64Array.from(weights),
      shape: [inputs, down.length, across.length],
      bias: biasOf(layer, channel),
      weightAt: (at) => [layer.weights[0], [places[at].i, channel, places[at].k, places[at].l]],
    });
  },
  resize(layer, [channel, row, column]) {
    const [images, rows, columns] = shapeOf(layer.takes[0]);
    const image = need(need(value(layer.takes[0])).row(Math.min(channel, images - 1)));
    const [height, width] = layer.settings.size;
    const [down, across] = [resizedShares(rows, height, row), resizedShares(columns, width, column)];
    const patch = down.flatMap(([r]) => across.map(([c]) => image[r * columns + c]));
    const weights = down.flatMap(([, share]) => across.map(([, other]) => share * other));
    const shape = [1, down.length, across.length];
    return weigh({ patch: Float64Array.from(patch), weights: Float64Array.from(weights), shape, bias: 0 });
  },
  neighbours(layer, [place, filter]) {
    const weight = tensorOf(layer);
    const [, numbers, kernel] = weight.shape;
    const own = need(weight.row(filter));
    const patch = neighboursOf(need(value(layer.takes[0])), kernel, place);
    const weights = new Float64Array(kernel * numbers);
    for (let k = 0; k < kernel; k += 1) {
      for (let i = 0; i < numbers; i += 1) weights[k * numbers + i] = own[i * kernel + k];
    }
    const shape = [kernel, numbers];
    const weightAt = weightPlaces(layer, filter, shape);
    return weigh({ patch, weights, shape, bias: biasOf(layer, filter), weightAt });
  },
  "average-pool": averaged,
  "global-average": averaged,
  "text-average": averaged,
  attention: mixedValue,
  "weighed-sum"(layer, [unit]) {
    const { ids, shares } = sharesOf(layer);
    const table = tensorOf(layer);
    return weigh({
      patch: Float64Array.from(shares),
      weights: Float64Array.from(ids, (id) => need(table.row(id))[unit]),
      shape: [ids.length],
      bias: biasOf(layer, unit),
      names: ids.map(gramOf),
      weightAt: (at) => [layer.weights[0], [ids[at], unit]],
    });
  },
};

/**
 * @param {Layer | HiddenLayer} layer
 * @returns {layer is Layer<WeighedKind>}
 */
export const isWeighed = (layer) => layer.kind in sums;

/**
 * @template {WeighedKind} K
 * @param {Layer<K>} layer
 * @param {Unit} unit
 */
export const sumOf = (layer, unit) => sums[layer.kind](layer, unit);

/**
 * The first of the channels that a filter sees: of a convolution in groups only those of its own.
 * @param {Layer<"convolution">} layer
 * @param {Shape} shape of the tensor of weights
 * @param {number} filter
 */
export const firstChannel = ({ settings }, [filters, channels], filter) =>
  Math.floor((filter * (settings.groups || 1)) / filters) * channels;

/**
 * The rows, or columns, whose kernels reach one of the output, each with the place of its kernel there.
 * @param {number} at which of the output
 * @param {Pair} settings stride and padding
 * @param {number} kernel length of the kernel
 * @param {number} count of the rows
 * @returns {Pair[]}
 */
export const meeting = (at, [stride, padding], kernel, count) =>
  [...Array(count).keys()].flatMap((row) => {
    const inside = at + padding - row * stride;
    return inside >= 0 && inside < kernel ? [/** @type {Pair} */ ([row, inside])] : [];
  });

/**
 * The rows, or columns, that have a share in one of an image at another size, each with its share.
 * @param {number} before how many there were
 * @param {number} after how many there are
 * @param {number} at which of them
 * @returns {Pair[]}
 */
export function resizedShares(before, after, at) {
  const scale = before / after;
  const centre = (at + 0.5) * scale;
  /** @param {number} each */
  const weight = (each) => Math.max(0, 1 - Math.abs(each + 0.5 - centre) / Math.max(scale, 1));
  const seen = [...Array(before).keys()].filter((each) => weight(each) > 0);
  const total = seen.reduce((sum, each) => sum + weight(each), 0);
  return seen.map((each) => [each, weight(each) / total]);
}

/**
 * The part of some maps that a kernel lies on; 0 beyond their edges.
 * @param {Numbers} maps
 * @param {number[]} shape channels, height and width of the kernel
 * @param {number} first of the channels
 * @param {Pair} corner row and column of its first number
 */
function patchOf(maps, [channels, height, width], first, [top, left]) {
  const [, rows, columns] = maps.shape;
  const patch = new Float64Array(channels * height * width);
  for (let i = 0; i < channels; i += 1) {
    const map = need(maps.row(first + i));
    for (let k = 0; k < height; k += 1) {
      const r = top + k;
      if (r < 0 || r >= rows) continue;
      for (let l = 0; l < width; l += 1) {
        const c = left + l;
        if (c >= 0 && c < columns) patch[(i * height + k) * width + l] = map[r * columns + c];
      }
    }
  }
  return patch;
}

/**
 * The vectors of a token and of its neighbours; 0 beyond the ends of the text.
 * @param {Numbers} vectors
 * @param {number} kernel
 * @param {number} place
 */
function neighboursOf(vectors, kernel, place) {
  const [length, numbers] = vectors.shape;
  const patch = new Float64Array(kernel * numbers);
  for (let k = 0; k < kernel; k += 1) {
    const t = place + k - Math.floor((kernel - 1) / 2);
    if (t >= 0 && t < length) patch.set(need(vectors.row(t)), k * numbers);
  }
  return patch;
}
