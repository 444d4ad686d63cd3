// One unit of any layer, computed by hand in double precision, beside the network's own value.
const SQRT2 = Math.SQRT2;

function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 3) {
    let term = size;
    let total = size;
    for (let n = 1; n < 80; n += 1) {
      term *= (-size * size) / n;
      total += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * total) / Math.sqrt(Math.PI);
  }
  let tail = 0;
  for (let n = 60; n > 0; n -= 1) tail = n / 2 / (size + tail);
  return Math.sign(x) * (1 - Math.exp(-size * size) / ((size + tail) * Math.sqrt(Math.PI)));
}
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const bends = {
  relu: (x) => Math.max(0, x),
  "leaky-relu": (x, settings) => (x > 0 ? x : settings.slope * x),
  gelu: (x) => (x * (1 + erf(x / SQRT2))) / 2,
  sigmoid: (x) => sigmoid(x),
  tanh: (x) => Math.tanh(x),
};

function openUnit(layer, unit) {
  const found = chosenUnit(layer, unit) || opened(layer, unit);
  const network = found.network === undefined ? need(value(layer.name)) && numberAt(layer.name, unit) : found.network;
  if (network === undefined) need(null);
  return { ...found, network, difference: Math.abs(found.value - network) };
}

// Of a network too large for the page some units were opened beforehand.
function chosenUnit(layer, unit) {
  const found = ((told.chosen || {})[layer.name] || []).find((each) => each.unit.join() === unit.join());
  if (!found) return null;
  const own = layer.kind === "neighbours" ? unit[1] : unit[0];
  const weighings = found.weighings.map((each) => traced(layer, own, weighing(each.name, stored(`${each.at}:patch`).data, stored(`${each.at}:weights`).data, each.shape, each.bias)));
  const choice = found.choice && { ...found.choice, data: stored(found.choice.at).data };
  const value = sums[layer.kind] ? weighings[0].value : found.value;
  return { ...found, weighings, choice, value, source: null };
}

function opened(layer, unit) {
  const { kind } = layer;
  if (sums[kind]) {
    const weighings = sums[kind](layer, unit);
    return { weighings, steps: [], value: weighings[0].value, magnitude: weighings[0].magnitude };
  }
  if (["max-pool", "global-max", "text-max"].includes(kind)) return chosen(layer, unit);
  if (bends[kind]) return bent(layer, unit);
  if (kind === "lstm" || kind === "gru") return recurrent(layer, unit);
  return need(others[kind])(layer, unit);
}

const taken = (layer, unit, source = 0) => {
  const found = numberAt(layer.takes[source], unit);
  if (found === undefined) need(null);
  return found;
};
const stepped = (steps, magnitude, source) => ({
  weighings: [], steps, value: steps[steps.length - 1][1], magnitude, source,
});

function chosen(layer, unit) {
  const window = windowOf(layer, unit);
  let winner = 0;
  window.data.forEach((number, index) => { if (number > window.data[winner]) winner = index; });
  const place = unravel(winner, window.shape).map((index, axis) => index + window.start[axis]);
  const source = layer.kind === "text-max" ? [place[0], unit[0]] : [unit[0], ...place];
  const found = window.data[winner];
  return { weighings: [], steps: [], choice: { ...window, winner, source }, value: found, magnitude: Math.abs(found), source };
}

function bent(layer, unit) {
  const x = taken(layer, unit);
  const y = bends[layer.kind](x, layer.settings);
  const slope = (bends[layer.kind](x + 1e-4, layer.settings) - bends[layer.kind](x - 1e-4, layer.settings)) / 2e-4;
  const steps = [["x", x], ["slope there", slope], [`${layer.words} of x`, y]];
  return { ...stepped(steps, Math.abs(x) + Math.abs(y), unit), curve: { x, y, kind: layer.kind } };
}

const single = (name, unit) => {
  const row = need(need(stored(name)).row(unit));
  return row[0];
};
const others = {
  "fixed-norm"(layer, unit) {
    const x = taken(layer, unit);
    const [scale, shift, mean, variance] = layer.weights.map((name) => single(name, unit[0]));
    const deviation = Math.sqrt(variance + layer.settings.epsilon);
    const steps = [
      ["x", x],
      [`\u2212 mean ${shown(mean)}`, x - mean],
      [`\u00f7 \u221a(variance ${shown(variance)} + ${layer.settings.epsilon})`, (x - mean) / deviation],
      [`\u00d7 scale ${shown(scale)}`, (scale * (x - mean)) / deviation],
      [`+ shift ${shown(shift)}`, (scale * (x - mean)) / deviation + shift],
    ];
    return stepped(steps, ((Math.abs(x) + Math.abs(mean)) * Math.abs(scale)) / deviation + Math.abs(shift), unit);
  },
  standardise(layer, unit) {
    const x = taken(layer, unit);
    const [mean, deviation] = layer.weights.map((name) => single(name, unit[0]));
    const steps = [
      ["x", x],
      [`\u2212 mean ${shown(mean)}`, x - mean],
      [`\u00f7 deviation ${shown(deviation)}`, (x - mean) / deviation],
    ];
    return stepped(steps, (Math.abs(x) + Math.abs(mean)) / deviation, unit);
  },
  rescale(layer, unit) {
    const x = taken(layer, unit);
    const [mean, deviation] = layer.weights.map((name) => single(name, 0));
    const steps = [
      ["x", x],
      [`\u00d7 deviation ${shown(deviation)}`, deviation * x],
      [`+ mean ${shown(mean)}`, deviation * x + mean],
    ];
    return stepped(steps, Math.abs(deviation * x) + Math.abs(mean), unit);
  },
  divide(layer, unit) {
    const x = taken(layer, unit);
    const y = x / layer.settings.divisor;
    return stepped([["x", x], [`\u00f7 ${shown(layer.settings.divisor)}`, y]], Math.abs(y), unit);
  },
  add(layer, unit) {
    const [x, shortcut] = [taken(layer, unit), taken(layer, unit, 1)];
    const steps = [["x", x], [`+ shortcut ${shown(shortcut)}`, x + shortcut]];
    return stepped(steps, Math.abs(x) + Math.abs(shortcut), unit);
  },
  flatten(layer, unit) {
    const shape = layer.takes[0] === "inputs" ? told.inputs : byName.get(layer.takes[0]).shape;
    const source = unravel(unit[0], shape);
    const y = taken(layer, source);
    return stepped([[`the number at ${indexText(source)}`, y]], Math.abs(y), source);
  },
  "side-by-side"(layer, unit) {
    let channel = unit[unit.length - 1];
    for (let part = 0; part < layer.takes.length; part += 1) {
      const { shape } = byName.get(layer.takes[part]);
      const own = shape[shape.length - 1];
      if (channel < own) {
        const source = [...unit.slice(0, -1), channel];
        const y = taken(layer, source, part);
        return stepped([[`the number at ${indexText(source)} of ${layer.takes[part]}`, y]], Math.abs(y), source);
      }
      channel -= own;
    }
    return need(null);
  },
  turn(layer, unit) {
    const source = [layer.shape[0] - 1 - unit[0], unit[1]];
    const y = taken(layer, source);
    return stepped([[`the number at ${indexText(source)}`, y]], Math.abs(y), source);
  },
  embedding(layer, unit) {
    const id = told.ids[unit[0]];
    const y = need(stored(layer.weights[0]).row(id))[unit[1]];
    return stepped([[`number ${unit[1]} of the vector of \u201c${told.tokens[unit[0]]}\u201d (id ${id})`, y]], Math.abs(y), [unit[0]]);
  },
  softmax(layer, [unit]) {
    const logits = need(value(layer.takes[0])).data;
    const largest = Math.max(...logits);
    const powers = Array.from(logits, (z) => Math.exp(z - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    const steps = [
      ["z", logits[unit]],
      [`e to the power of z \u2212 ${shown(largest)}`, powers[unit]],
      [`sum of these powers over all ${logits.length} classes`, total],
      ["the one divided by the sum", powers[unit] / total],
    ];
    return { ...stepped(steps, 1, [unit]), powers };
  },
};
