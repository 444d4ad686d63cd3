// The network from one layer on, in double precision, with one weight moved a little: for central differences.
const zeros = (shape) => arrayOf(shape, new Float64Array(product(shape)));
const complete = (found) => need(found && !found.kept && found);
const whole = (found) => complete(found).data;

// Fill an array from the index of every number, row by row.
function filled(shape, number) {
  const made = zeros(shape);
  const size = product(shape.slice(1));
  for (let first = 0; first < shape[0]; first += 1) {
    for (let rest = 0; rest < size; rest += 1) made.data[first * size + rest] = number(first, rest);
  }
  return made;
}

function dot(one, other) {
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += one[at] * other[at];
  return sum;
}

function convolved(layer, maps, weight, bias) {
  const made = zeros(layer.shape);
  const [filters, height, width] = layer.shape;
  const [, channels, kernelHeight, kernelWidth] = weight.shape;
  const [, rows, columns] = maps.shape;
  const [[down, across], [above, beside]] = [layer.settings.stride, layer.settings.padding];
  const [data, weights] = [whole(maps), whole(weight)];
  for (let o = 0; o < filters; o += 1) {
    const own = made.row(o).fill(bias ? bias[o] : 0);
    for (let i = 0; i < channels; i += 1) {
      for (let k = 0; k < kernelHeight; k += 1) {
        for (let l = 0; l < kernelWidth; l += 1) {
          const w = weights[((o * channels + i) * kernelHeight + k) * kernelWidth + l];
          for (let r = 0; r < height; r += 1) {
            const row = r * down + k - above;
            if (row < 0 || row >= rows) continue;
            const start = (i * rows + row) * columns + l - beside;
            const first = Math.max(0, Math.ceil((beside - l) / across));
            const last = Math.min(width - 1, Math.floor((columns - 1 + beside - l) / across));
            for (let c = first; c <= last; c += 1) own[r * width + c] += w * data[start + c * across];
          }
        }
      }
    }
  }
  return made;
}

// Sums over windows of neighbouring tokens.
function slid(layer, vectors, weight, bias) {
  const [, numbers, kernel] = weight.shape;
  const before = Math.floor((kernel - 1) / 2);
  whole(vectors);
  return filled(layer.shape, (t, o) => {
    const own = need(weight.row(o));
    let sum = bias ? bias[o] : 0;
    for (let k = 0; k < kernel; k += 1) {
      const place = t + k - before;
      if (place < 0 || place >= vectors.shape[0]) continue;
      const row = vectors.row(place);
      for (let i = 0; i < numbers; i += 1) sum += own[i * kernel + k] * row[i];
    }
    return sum;
  });
}

// The largest, or the mean, of each window of a map, of each map, or of each number over a text.
function pooled(layer, source, bring) {
  const data = whole(source);
  if (source.shape.length === 2) {
    const [length, channels] = source.shape;
    return filled(layer.shape, (o) => bring(Array.from({ length }, (_, t) => data[t * channels + o])));
  }
  const [, rows, columns] = source.shape;
  const [height, width] = layer.settings.window || [rows, columns];
  const across = layer.shape.length === 3 ? layer.shape[2] : 1;
  return filled(layer.shape, (o, rest) => {
    const start = (o * rows + Math.floor(rest / across) * height) * columns + (rest % across) * width;
    return bring(Array.from({ length: height * width }, (_, at) => data[start + Math.floor(at / width) * columns + (at % width)]));
  });
}
const largestOf = (numbers) => numbers.reduce((best, number) => Math.max(best, number), -Infinity);
const meanOf = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

// All states of an LSTM or GRU.
function recurred(layer, inputs, weights) {
  const [length, units] = layer.shape;
  const [ofInput, ofState, inputBias, stateBias] = weights;
  const made = zeros(layer.shape);
  const memory = new Float64Array(units);
  for (let t = 0; t < length; t += 1) {
    const [x, before] = [inputs.row(t), t ? made.row(t - 1) : new Float64Array(units)];
    for (let unit = 0; unit < units; unit += 1) {
      const sumsOf = (gate) => {
        const row = gate * units + unit;
        return [dot(need(ofInput.row(row)), x) + inputBias.data[row], dot(need(ofState.row(row)), before) + stateBias.data[row]];
      };
      const found = cell(layer.kind, GATES[layer.kind].map((_, gate) => sumsOf(gate)), layer.kind === "lstm" ? memory[unit] : before[unit]);
      memory[unit] = found.memory;
      made.row(t)[unit] = found.state;
    }
  }
  return made;
}

const pointwise = (bend) => (layer, [x]) => filled(layer.shape, (first, rest) => bend(x.row(first)[rest], layer, first));
const runs = {
  dense: (layer, [x], [weight, bias]) => filled(layer.shape, (o) => dot(need(weight.row(o)), whole(x)) + (bias ? bias.data[o] : 0)),
  convolution: (layer, [x], [weight, bias]) => convolved(layer, x, weight, bias && bias.data),
  neighbours: (layer, [x], [weight, bias]) => slid(layer, x, weight, bias && bias.data),
  lstm: (layer, [x], weights) => recurred(layer, x, weights),
  gru: (layer, [x], weights) => recurred(layer, x, weights),
  "fixed-norm": (layer, [x], [scale, shift, mean, variance]) => filled(layer.shape, (o, rest) =>
    (scale.data[o] * (x.row(o)[rest] - mean.data[o])) / Math.sqrt(variance.data[o] + layer.settings.epsilon) + shift.data[o]),
  standardise: (layer, [x], [mean, deviation]) => filled(layer.shape, (o, rest) => (x.row(o)[rest] - mean.data[o]) / deviation.data[o]),
  rescale: (layer, [x], [mean, deviation]) => filled(layer.shape, (o) => x.data[o] * deviation.data[0] + mean.data[0]),
  divide: pointwise((x, layer) => x / layer.settings.divisor),
  add: (layer, [x, shortcut]) => filled(layer.shape, (o, rest) => x.row(o)[rest] + shortcut.row(o)[rest]),
  embedding: (layer, _, [table]) => filled(layer.shape, (t, o) => need(table.row(told.ids[t]))[o]),
  "weighed-sum"(layer, _, [table, bias]) {
    const { ids, shares } = sharesOf(layer);
    return filled(layer.shape, (o) => bias.data[o] + ids.reduce((sum, id, at) => sum + shares[at] * need(table.row(id))[o], 0));
  },
  flatten: (layer, sources) => copied(layer, sources),
  turn: (layer, sources) => copied(layer, sources),
  "side-by-side": (layer, sources) => copied(layer, sources),
};
for (const kind of ["max-pool", "global-max", "text-max"]) runs[kind] = (layer, [x]) => pooled(layer, x, largestOf);
for (const kind of ["average-pool", "global-average", "text-average"]) runs[kind] = (layer, [x]) => pooled(layer, x, meanOf);
for (const kind of Object.keys(bends)) runs[kind] = pointwise((x, layer) => bends[kind](x, layer.settings));

// A weight tensor, one number of it moved.
function movedWeight(name, moved) {
  const found = stored(name);
  if (!moved || moved.name !== name) return found;
  const data = Float64Array.from(found.data);
  const first = found.kept ? found.kept.indexOf(moved.index[0]) : moved.index[0];
  data[[first, ...moved.index.slice(1)].reduce((at, index, axis) => at * found.shape[axis] + index, 0)] += moved.by;
  return arrayOf(found.shape, data, found.kept);
}

// The loss, or the predicted number, of the network when one weight is moved.
function lossWith(layer, moved) {
  const held = new Map();
  for (const each of layers.slice(layers.indexOf(layer))) {
    if (told.answers.includes(each.name) || each.hidden) continue;
    if (each !== layer && !each.takes.some((name) => held.has(name))) continue;
    const sources = each.takes.map((name) => held.get(name) || (name === "inputs" && told.ids.length ? null : complete(value(name))));
    held.set(each.name, need(runs[each.kind])(each, sources, each.weights.map((name) => movedWeight(name, moved))));
  }
  const outputs = held.get(told.output).data;
  if (told.against === null) return outputs[0];
  const most = Math.max(...outputs);
  return Math.log(outputs.reduce((sum, z) => sum + Math.exp(z - most), 0)) + most - outputs[told.against];
}

function centralDifference(layer, name, index, weight) {
  const step = Math.cbrt(Number.EPSILON) * Math.max(1, Math.abs(weight));
  const [more, less] = [step, -step].map((by) => lossWith(layer, { name, index, by }));
  return { difference: (more - less) / (weight + step - (weight - step)), step };
}
