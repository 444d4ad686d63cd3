// One weight: the chain rule written out with its numbers, and its gradient in three ways.
const isLearnt = (name) => told.learnt.includes(name);
const learntOf = (layer) => layer.weights.filter(isLearnt);
const tokenLabel = (t) => `${t} \u201c${told.tokens[t] || "(unknown)"}\u201d`;
const gradientRow = (layer, index) => need(need(stored(`gradient:${layer.name}`)).row(index));

// The terms of a weight's gradient: the gradient above, what the weight meets, and where.
const chains = {
  dense(layer, part, [unit, number]) {
    const above = gradientRow(layer, unit);
    return part ? biasTerms([above[0]], () => `unit ${unit}`) : { above: [above[0]], seen: [need(numberAt(layer.takes[0], [number]) !== undefined) && numberAt(layer.takes[0], [number])], at: () => `unit ${unit}` };
  },
  convolution(layer, part, [filter, channel, k, l]) {
    const above = Array.from(gradientRow(layer, filter));
    const [, , columns] = layer.shape;
    const at = (place) => indexText([filter, Math.floor(place / columns), place % columns]);
    if (part) return biasTerms(above, at);
    const maps = need(value(layer.takes[0]));
    const map = need(maps.row(channel));
    const [{ stride, padding }, [, rows, wide]] = [layer.settings, maps.shape];
    const seen = above.map((_, place) => {
      const row = Math.floor(place / columns) * stride[0] + k - padding[0];
      const column = (place % columns) * stride[1] + l - padding[1];
      return row >= 0 && row < rows && column >= 0 && column < wide ? map[row * wide + column] : 0;
    });
    return { above, seen, at };
  },
  neighbours(layer, part, [filter, number, k]) {
    const above = columnOf(stored(`gradient:${layer.name}`), filter);
    if (part) return biasTerms(above, tokenLabel);
    const vectors = need(value(layer.takes[0]));
    const before = Math.floor((stored(layer.weights[0]).shape[2] - 1) / 2);
    const seen = above.map((_, t) => {
      const row = t + k - before;
      return row >= 0 && row < vectors.shape[0] ? need(vectors.row(row))[number] : 0;
    });
    return { above, seen, at: tokenLabel };
  },
  "fixed-norm"(layer, part, [channel]) {
    const above = Array.from(gradientRow(layer, channel));
    const columns = layer.shape[2] || 1;
    const at = (place) => (layer.shape.length === 3 ? indexText([channel, Math.floor(place / columns), place % columns]) : `unit ${channel}`);
    if (part) return biasTerms(above, at);
    const [mean, variance] = [2, 3].map((which) => single(layer.weights[which], channel));
    const inputs = need(need(value(layer.takes[0])).row(channel));
    return { above, seen: Array.from(inputs, (x) => (x - mean) / Math.sqrt(variance + layer.settings.epsilon)), at };
  },
  embedding(layer, _, [id, number]) {
    const places = told.ids.map((each, t) => [each, t]).filter(([each]) => each === id).map(([, t]) => t);
    return biasTerms(places.map((t) => gradientRow(layer, t)[number]), (at) => tokenLabel(places[at]));
  },
  "weighed-sum"(layer, part, index) {
    if (part) return biasTerms([gradientRow(layer, index[0])[0]], () => `unit ${index[0]}`);
    const { ids, shares } = sharesOf(layer);
    const share = shares[ids.indexOf(index[0])] || 0;
    return { above: [gradientRow(layer, index[1])[0]], seen: [share], at: () => gramOf(index[0]) };
  },
  lstm: (layer, part, index) => throughTime(layer, part, index),
  gru: (layer, part, index) => throughTime(layer, part, index),
};
const biasTerms = (above, at) => ({ above, seen: above.map(() => 1), at });
const columnOf = (found, at) => Array.from({ length: need(found).shape[0] }, (_, t) => need(found.row(t))[at]);

// A gate's weight meets the numbers of every step, or the states before it.
function throughTime(layer, part, [row, number]) {
  const above = columnOf(stored(`${part % 2 ? "state-sums" : "sums"}:${layer.name}`), row);
  const at = (t) => `step ${t} \u201c${tokenAtStep(layer, t)}\u201d`;
  if (part >= 2) return biasTerms(above, at);
  const met = columnOf(value(layer.takes[0]), part ? 0 : number);
  const states = part ? columnOf(value(layer.name), number) : null;
  return { above, seen: part ? met.map((_, t) => (t ? states[t - 1] : 0)) : met, at };
}

// The numbers that page and Python give for one weight; null for those that the page cannot have.
function gradientsOf(layer, name, index) {
  const row = stored(name).row(index[0]);
  const flat = index.slice(1).reduce((at, each, axis) => at * stored(name).shape[axis + 1] + each, 0);
  const found = { weight: row ? row[flat] : null, terms: null, byHand: null, byAutograd: null, byDifference: null, step: null };
  const autograd = stored(`autograd:${name}`);
  const own = autograd && autograd.row(index[0]);
  if (own) found.byAutograd = own[flat];
  try {
    found.terms = chains[layer.kind](layer, layer.weights.indexOf(name), index);
    found.byHand = found.terms.above.reduce((sum, above, at) => sum + above * found.terms.seen[at], 0);
    const { difference, step } = centralDifference(layer, name, index, need(row)[flat]);
    Object.assign(found, { byDifference: difference, step });
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
  }
  const three = [found.byHand, found.byAutograd, found.byDifference].filter((each) => each !== null);
  const most = Math.max(...three.map(Math.abs));
  found.relativeError = three.length < 2 ? null : most ? (Math.max(...three) - Math.min(...three)) / most : 0;
  return found;
}

function termsTable({ above, seen, at }) {
  const products = above.map((each, place) => each * seen[place]);
  const order = largest(products, 12).filter((place, rank) => rank === 0 || products[place] !== 0);
  const total = products.reduce((sum, each) => sum + each, 0);
  const shownOnes = order.reduce((sum, place) => sum + products[place], 0);
  const row = (label, ...numbers) => element("tr", { class: numbers[0] === "" ? "rest" : null }, element("th", { scope: "row", class: "foreign" }, label), ...numbers.map((number) => element("td", {}, number === "" ? "" : shown(number, 4))));
  const rest = products.length - order.length;
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "terms of the chain rule" }, element("table", { class: "terms" },
    element("thead", {}, element("tr", {}, ...["where it is used", "gradient there", "\u00d7 number seen", "= term"].map((word) => element("th", { scope: "col" }, word)))),
    element("tbody", {}, ...order.map((place) => row(at(place), above[place], seen[place], products[place])),
      rest > 0 ? row(`${rest.toLocaleString("en")} smaller terms`, "", "", total - shownOnes) : "",
      row("sum: the gradient of this weight", "", "", total))));
}

const NOT_HERE = "not in the page";
function threeTable(found) {
  const line = (label, number, digits = 7) => element("tr", {}, element("th", { scope: "row" }, label), element("td", {}, number === null ? NOT_HERE : shown(number, digits)));
  return element("table", { class: "three", id: "three-ways" }, element("tbody", {},
    line("by hand: the sum above, in this page", found.byHand), line("by autograd (PyTorch)", found.byAutograd),
    line("by central difference, in this page", found.byDifference), line("relative error", found.relativeError, 2)));
}

const AXES = {
  dense: ["unit", "input"], convolution: ["filter", "channel", "row", "column"], neighbours: ["filter", "number", "token"],
  "fixed-norm": ["channel"], embedding: ["id", "number"], "weighed-sum": ["id", "unit"], lstm: ["row of gates", "input"], gru: ["row of gates", "input"],
};
const BIAS_AXIS = { convolution: "filter", neighbours: "filter", "fixed-norm": "channel" };
function weightInputs(layer, name, index) {
  const { shape } = stored(name);
  const part = layer.weights.indexOf(name);
  const names = part && !["lstm", "gru"].includes(layer.kind) ? [BIAS_AXIS[layer.kind] || "unit"] : AXES[layer.kind];
  const select = element("select", { id: "weight-name", oninput: (event) => pinWeight(event.target.value, null, "weight-name") },
    ...learntOf(layer).map((each) => element("option", { value: each, selected: each === name ? "" : null }, each)));
  return element("p", { class: "inputs" }, element("label", { for: "weight-name" }, "Weights ", select),
    ...index.map((at, axis) => element("label", { for: `weight-${axis}` }, `${names[axis]} `, element("input", {
      type: "number", id: `weight-${axis}`, min: 0, max: shape[axis] - 1, value: at,
      oninput: (event) => { if (event.target.value !== "") pinWeight(name, index.map((old, other) => (other === axis ? Number(event.target.value) : old)), `weight-${axis}`); } }))));
}

// The weight that is shown: the chosen one, or that of the pinned unit's largest product.
function weightShown(layer, found) {
  const names = learntOf(layer);
  if (current.weight && names.includes(current.weight[0])) {
    const [name, index] = current.weight;
    return index ? [name, clamp(index, stored(name).shape)] : [name, loudestWeight(name)];
  }
  const [first] = found ? found.weighings : [];
  if (first && first.weightAt) {
    const [name, index] = first.weightAt(largest(first.products, 1)[0]);
    if (names.includes(name)) return [name, index];
  }
  return [names[0], loudestWeight(names[0])];
}

// The weight of a tensor on which the loss depends most.
function loudestWeight(name) {
  const { shape, kept, data } = stored(`autograd:${name}`) || { ...stored(name), data: [0] };
  let best = 0;
  data.forEach((number, at) => { if (Math.abs(number) > Math.abs(data[best])) best = at; });
  const index = unravel(best, shape);
  if (kept) index[0] = kept[index[0]];
  return index;
}

function weightView(layer, found) {
  if (!learntOf(layer).length) return [];
  const [name, index] = weightShown(layer, found);
  const here = gradientsOf(layer, name, index);
  const parts = [element("h3", { id: "weight-title", tabindex: "-1" }, `One weight: ${name}[${index.join(", ")}]`),
    element("p", { class: "quiet" }, "Any weight of this layer can be chosen: by its numbers below, or by a click on it among the products of a unit."),
    weightInputs(layer, name, index)];
  if (here.terms) {
    const count = here.terms.above.length;
    parts.push(element("p", {}, `${here.weight === null ? "The page does not hold this weight." : `The weight is ${shown(here.weight, 7)}.`} ${count === 0 ? "It is not used on this input" : count === 1 ? "It is used once" : `It is used at ${count.toLocaleString("en")} places`}; by the chain rule its gradient is the sum, over these, of the gradient there times the number that it meets.`), termsTable(here.terms));
  }
  parts.push(threeTable(here));
  if (here.step !== null) parts.push(element("p", { class: "quiet" }, `For the difference this page computed the network from this layer on twice, with the weight moved by ${shown(here.step, 2)} to either side.`));
  if (here.byHand === null || here.byAutograd === null || here.byDifference === null) parts.push(element("p", { class: "quiet" }, `Not all of it fits into the page. In Python, pellucid.explain(model, input).weight(\u201c${name}\u201d, ${indexText(index)}) gives all three.`));
  return parts;
}

function pinWeight(name, index, focused = "weight-title") {
  current.weight = [name, index && clamp(index, stored(name).shape)];
  if (current.view !== "backward") { show("backward"); drawLayer(); }
  drawUnit();
  rememberPlace();
  if ($(focused)) refocus(focused);
  if (focused === "weight-title") $(focused)?.scrollIntoView({ block: "nearest" });
}
