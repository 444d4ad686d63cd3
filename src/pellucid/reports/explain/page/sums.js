// Weighed sums: what a unit sees, times its weights. Null where the page does not hold what is needed.
class Missing extends Error {}
const need = (found) => {
  if (!found) throw new Missing("this number is not in the page: the network is too large for all of them to fit");
  return found;
};

function weighing(name, patch, weights, shape, bias) {
  const products = new Float64Array(patch.length);
  let sum = 0;
  let magnitude = Math.abs(bias);
  for (let at = 0; at < patch.length; at += 1) {
    products[at] = weights[at] * patch[at];
    sum += products[at];
    magnitude += Math.abs(products[at]);
  }
  const channels = shape[0];
  const size = patch.length / channels;
  const sums = Array.from({ length: channels }, (_, channel) => {
    let total = 0;
    for (let at = channel * size; at < (channel + 1) * size; at += 1) total += products[at];
    return total;
  });
  return { name, patch, weights, shape, bias, products, sums, sum, value: sum + bias, magnitude };
}

const biasOf = (layer, unit, at = 1) => {
  if (layer.weights.length <= at) return 0;
  const bias = stored(layer.weights[at]);
  const row = need(bias.row(unit));
  return row.length ? row[0] : 0;
};

// A sum that knows which weight stands at each of its places.
const insides = {
  dense: (at) => [at],
  convolution: (at, shape) => unravel(at, shape),
  neighbours: (at, [, numbers]) => [at % numbers, Math.floor(at / numbers)],
};
const traced = (layer, unit, found) => (insides[layer.kind]
  ? { ...found, weightAt: (at) => [layer.weights[0], [unit, ...insides[layer.kind](at, found.shape)]] } : found);

const sums = {
  dense(layer, [unit]) {
    const inputs = need(value(layer.takes[0]));
    need(!inputs.kept);
    const weights = need(stored(layer.weights[0]).row(unit));
    return [traced(layer, unit, weighing("", inputs.data, weights, [inputs.shape[0]], biasOf(layer, unit)))];
  },
  convolution(layer, [filter, row, column]) {
    const maps = need(value(layer.takes[0]));
    const weight = stored(layer.weights[0]);
    const [, channels, height, width] = weight.shape;
    const [, rows, columns] = maps.shape;
    const patch = new Float64Array(channels * height * width);
    const top = row * layer.settings.stride[0] - layer.settings.padding[0];
    const left = column * layer.settings.stride[1] - layer.settings.padding[1];
    for (let i = 0; i < channels; i += 1) {
      const map = need(maps.row(i));
      for (let k = 0; k < height; k += 1) {
        for (let l = 0; l < width; l += 1) {
          const r = top + k;
          const c = left + l;
          if (r >= 0 && r < rows && c >= 0 && c < columns) patch[(i * height + k) * width + l] = map[r * columns + c];
        }
      }
    }
    const found = weighing("", patch, need(weight.row(filter)), [channels, height, width], biasOf(layer, filter));
    return [traced(layer, filter, found)];
  },
  neighbours(layer, [place, filter]) {
    const vectors = need(value(layer.takes[0]));
    const weight = stored(layer.weights[0]);
    const [, numbers, kernel] = weight.shape;
    const own = need(weight.row(filter));
    const patch = new Float64Array(kernel * numbers);
    const weights = new Float64Array(kernel * numbers);
    for (let k = 0; k < kernel; k += 1) {
      const t = place + k - Math.floor((kernel - 1) / 2);
      const row = t >= 0 && t < vectors.shape[0] ? need(vectors.row(t)) : null;
      for (let i = 0; i < numbers; i += 1) {
        patch[k * numbers + i] = row ? row[i] : 0;
        weights[k * numbers + i] = own[i * kernel + k];
      }
    }
    const found = weighing("", patch, weights, [kernel, numbers], biasOf(layer, filter));
    return [traced(layer, filter, found)];
  },
  "average-pool": (layer, unit) => averaged(windowOf(layer, unit)),
  "global-average": (layer, unit) => averaged(windowOf(layer, unit)),
  "text-average": (layer, unit) => averaged(windowOf(layer, unit)),
  "weighed-sum"(layer, [unit]) {
    const { ids, shares } = sharesOf(layer);
    const table = stored(layer.weights[0]);
    const weights = Float64Array.from(ids, (id) => need(table.row(id))[unit]);
    const found = weighing("", Float64Array.from(shares), weights, [ids.length], biasOf(layer, unit));
    found.names = ids.map(gramOf);
    found.weightAt = (at) => [layer.weights[0], [ids[at], unit]];
    return [found];
  },
};

function averaged(window) {
  const weights = new Float64Array(window.data.length).fill(1 / window.data.length);
  return [weighing("", window.data, weights, [1, ...window.shape], 0)];
}

// What a pool sees: its window, the whole map, or one number of every place of a text.
function windowOf(layer, unit) {
  const source = need(value(layer.takes[0]));
  if (source.shape.length === 2) {
    const [length] = source.shape;
    const data = Float64Array.from({ length }, (_, t) => need(source.row(t))[unit[0]]);
    return { data, shape: [length], start: [0] };
  }
  const [, rows, columns] = source.shape;
  const map = need(source.row(unit[0]));
  const [height, width] = layer.settings.window || [rows, columns];
  const [top, left] = layer.settings.window ? [unit[1] * height, unit[2] * width] : [0, 0];
  const data = new Float64Array(height * width);
  for (let k = 0; k < height; k += 1) {
    for (let l = 0; l < width; l += 1) data[k * width + l] = map[(top + k) * columns + left + l];
  }
  return { data, shape: [height, width], start: [top, left] };
}

// What each n-gram counts: how often it stands in the text, how rare it is, and the length of its group.
function sharesOf(layer) {
  const counts = new Map();
  for (const id of told.ids) counts.set(id, (counts.get(id) || 0) + 1);
  const ids = [...counts.keys()].sort((one, other) => one - other);
  const rarity = stored(layer.weights[2]);
  const { groups } = layer.settings;
  const weights = ids.map((id) => (1 + Math.log(counts.get(id))) * need(rarity.row(id))[0]);
  const sizes = groups.slice(1).map((end, at) => end - groups[at]);
  const parts = sizes.map((size, at) => (at ? Math.min(1, Math.sqrt(size / Math.max(1, sizes[0])) / 2) : 1));
  const length = Math.hypot(...parts);
  const shares = ids.map((id, at) => {
    const group = groups.findIndex((first, number) => id >= first && id < groups[number + 1]);
    if (group < 0) return 0;
    const inside = weights.filter((_, other) => ids[other] >= groups[group] && ids[other] < groups[group + 1]);
    return ((parts[group] / length) * weights[at]) / Math.hypot(...inside);
  });
  return { ids, shares };
}
const gramOf = (id) => told.tokens[told.ids.indexOf(id)] || `id ${id}`;
