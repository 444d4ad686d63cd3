// What is shown of one unit: its arithmetic as tables to read and as text to copy.
import { largest, unlessMissing, unravel } from "./arrays.js";
import { openedAnswer } from "./decision.js";
import {
  button,
  cell,
  counted,
  element,
  headOf,
  indexText,
  rowHead,
  scrolling,
  selectOf,
  shown,
  svg,
} from "./dom.js";
import { legend, onColour, scaleOf } from "./drawing.js";
import { GATES, isCandidate } from "./functions.js";
import {
  attentionFrom,
  grid,
  isLearnt,
  knownLayer,
  layerCalled,
  layerName,
  pageData,
  stored,
  tokenAtStep,
  tokenLabel,
  tokensBetween,
} from "./page_data.js";
import { neuronView } from "./neuron_views.js";
import { looksView } from "./patches.js";
import { chosenUnits, openUnit } from "./units.js";
import { fieldOf } from "./values.js";
import { layerWords, message } from "./words/message.js";
/** @import { Choice, ComparedUnit, Floats, Layer, OpenedUnit, PastStep, Scale, Step, Unit } from "./types.js" */
/** @import { Weighing } from "./types.js" */
/** @import { MessageKey } from "./words/message.js" */

// What buttons and fields of the views ask for; `start.js` says how it is done.

/**
 * @type {{ pinUnit: (unit: Unit, focused?: string) => void, pinWeight: (name: string, index: number[] | null,
 *   focused?: string) => void, goToUnit: (layer: string, unit: Unit) => void }} focused: id of the field in which one
 *   goes on typing
 */
export const actions = { pinUnit() {}, pinWeight() {}, goToUnit() {} };

// The products of a weighed sum as a table, the largest first; each weight leads to its gradient.

const SHOWN_PRODUCTS = 16;

/** Places of the products that are shown. @param {Weighing} weighing */
const shownProducts = (weighing) => largest(weighing.products, SHOWN_PRODUCTS);

/** @param {Weighing} weighing @param {number} at */
export const nameOf = (weighing, at) =>
  weighing.names ? `\u201c${weighing.names[at]}\u201d` : indexText(unravel(at, weighing.shape));

/**
 * A weight, to be chosen where it is one that is learnt.
 * @param {Weighing} weighing @param {number} at @param {number} [digits]
 */
function weightLink(weighing, at, digits = 5) {
  const text = shown(weighing.weights[at], digits);
  if (!weighing.weightAt) return text;
  const [name, index] = weighing.weightAt(at);
  if (!isLearnt(name)) return text;
  const title = message("gradientOf", { name, index: index.join(", ") });
  return button({ class: "number-button", title }, text, () => actions.pinWeight(name, index));
}

/** What a product sees by its name, to be opened where it is a unit. @param {Weighing} weighing @param {number} at */
function unitLink(weighing, at) {
  const text = nameOf(weighing, at);
  const [source, unit] = weighing.seenAt?.(at) ?? ["", []];
  const layer = layerCalled(source);
  if (!layer || layer.hidden || unit.some((each, axis) => each < 0 || each >= layer.shape[axis])) return text;
  const title = message("opensUnit", { layer: layerName(source), unit: indexText(unit) });
  return button({ class: "number-button", title }, text, () => actions.goToUnit(source, unit));
}

/** @param {Weighing} weighing */
function productTable(weighing) {
  const { patch, products, sum } = weighing;
  const order = shownProducts(weighing);
  const rows = order.map((at) =>
    element(
      "tr",
      {},
      rowHead(unitLink(weighing, at)),
      cell(shown(patch[at])),
      element("td", {}, weightLink(weighing, at)),
      cell(shown(products[at])),
    ),
  );
  const rest = products.length - order.length;
  if (rest > 0) {
    const kept = order.reduce((total, at) => total + products[at], 0);
    const head = rowHead(message("restProducts", { count: counted(rest) }));
    rows.push(element("tr", { class: "rest" }, head, cell(""), cell(""), cell(shown(sum - kept))));
  }
  const head = headOf([message("columnAt"), ...weighing.columns, message("columnProduct")]);
  return scrolling(
    message("productsLabel"),
    element("table", { class: "products" }, head, element("tbody", {}, ...rows)),
  );
}

// Patch, kernel and products of one channel as three squares of numbers.

/**
 * The squares of the channel with the largest sum, and a choice of the others.
 * @param {Weighing} weighing of a kernel
 */
function squares(weighing) {
  const holder = element("div", { class: "squares" });
  /** @param {number} channel */
  const draw = (channel) => holder.replaceChildren(...squaresOf(weighing, channel));
  const order = largest(weighing.sums, weighing.shape[0]);
  draw(order[0]);
  if (order.length === 1) return element("div", {}, holder);
  const options = order.map((channel) => ({
    value: channel,
    text: message("channelSum", { channel, sum: shown(weighing.sums[channel]) }),
  }));
  const select = selectOf("channel-shown", options, (value) => draw(Number(value)));
  const label = element("label", { for: "channel-shown" }, message("channelBySum"));
  return element("div", {}, element("p", {}, label, select), holder);
}

/** @param {Weighing} weighing @param {number} channel */
function squaresOf(weighing, channel) {
  const [, height, width] = weighing.shape;
  const size = height * width;
  /** @param {Floats} numbers */
  const part = (numbers) => numbers.slice(channel * size, (channel + 1) * size);
  /** @param {number} at */
  const linked = (at) => weightLink(weighing, channel * size + at, 3);
  return [
    square(message("seen"), part(weighing.patch), width),
    element("span", { class: "sign" }, "\u00d7"),
    square(message("kernel"), part(weighing.weights), width, linked),
    element("span", { class: "sign" }, "="),
    square(message("products"), part(weighing.products), width),
    element("p", { class: "sum" }, message("sumOfChannel", { channel, sum: shown(weighing.sums[channel]) })),
  ];
}

/**
 * @param {string} title @param {Floats} numbers @param {number} width
 * @param {(at: number) => Node | string} [content] of a cell
 */
function square(title, numbers, width, content = (at) => shown(numbers[at], 3)) {
  const scale = scaleOf(numbers);
  const rows = Array.from({ length: numbers.length / width }, (_, k) => {
    const cells = Array.from({ length: width }, (__, l) => {
      const at = k * width + l;
      return onColour(element("td", {}, content(at)), scale.colour(numbers[at]));
    });
    return element("tr", {}, ...cells);
  });
  return element("table", { class: "square" }, element("caption", {}, title), element("tbody", {}, ...rows));
}

// The parts of a calculation: a weighed sum, the window of a pool, the curve of an activation, a softmax.

const LARGEST_SQUARE = 64;

/** @param {Weighing} weighing */
function weighingView(weighing) {
  const { name, shape, products, sum, bias, value } = weighing;
  const isSquare = shape.length === 3 && shape[1] * shape[2] <= LARGEST_SQUARE && shape[1] > 1;
  const table = productTable(weighing);
  const folded = element("details", {}, element("summary", {}, message("largestProducts")), table);
  const parts = {
    count: counted(products.length),
    sum: shown(sum, 7),
    bias: shown(bias),
    value: shown(value, 7),
  };
  return [
    ...(name ? [element("h3", { class: "gate" }, name)] : []),
    ...(isSquare ? [squares(weighing)] : []),
    isSquare || name ? folded : table,
    element("p", { class: "equation" }, message("sumAndBias", parts)),
  ];
}

/** The tokens that a place of a text sees. @param {string} name of a layer @param {Unit} unit */
export function gramAt(name, unit) {
  const field = fieldOf(name, unit);
  return field ? tokensBetween(...field[0]) : message("wholeText");
}

/** @param {Layer} layer @param {Choice} choice @param {number} value the largest number */
function choiceView(layer, choice, value) {
  const [source] = layer.takes;
  const { data, shape, winner } = choice;
  const times = Array.from(data).filter((number) => number >= value - 1e-6 * Math.abs(value)).length;
  const words = { count: data.length, times, place: indexText(choice.source), source };
  /** @type {MessageKey} */
  let key = times > 1 ? "largestTimes" : "largestOnce";
  let tokens = "";
  if (layer.kind === "text-max") {
    key = times > 1 ? "largestTimesText" : "largestOnceText";
    tokens = gramAt(source, choice.source);
  }
  const parts = [element("p", {}, message(key, { ...words, tokens }))];
  if (shape.length === 2 && data.length <= LARGEST_SQUARE) {
    const [height, width] = shape;
    const rows = Array.from({ length: height }, (_, k) => {
      const places = Array.from({ length: width }, (__, l) => k * width + l);
      const cells = places.map((at) =>
        element("td", { class: at === winner ? "winner" : "" }, shown(data[at], 4)),
      );
      return element("tr", {}, ...cells);
    });
    const caption = element("caption", {}, message("windowCaption"));
    const table = element("table", { class: "square" }, caption, element("tbody", {}, ...rows));
    parts.push(scrolling(message("windowLabel"), table));
  }
  return parts;
}

/**
 * The curve of an activation, and the unit's point on it.
 * @param {string} kind @param {NonNullable<OpenedUnit["curve"]>} curve
 */
function curveView(kind, { x, y, height }) {
  const reach = Math.max(3, Math.abs(x) * 1.2);
  const places = Array.from({ length: 81 }, (_, at) => (at / 40 - 1) * reach);
  const low = Math.min(0, ...places.map(height));
  const high = Math.max(1, ...places.map(height));
  /** @param {number} place @param {number} at height */
  const spot = (place, at) => [110 * (1 + place / reach), 100 - (100 * (at - low)) / (high - low)];
  const [middle, zero] = spot(0, 0);
  const [cx, cy] = spot(x, y);
  const label = message("curveAt", { kind, x: shown(x), y: shown(y) });
  const drawing = svg("svg", { viewBox: "-6 -6 232 112", class: "curve", role: "img", "aria-label": label });
  const points = places.map((place) => spot(place, height(place)).join(",")).join(" ");
  drawing.append(
    svg("line", { x1: 0, x2: 220, y1: zero, y2: zero, class: "axis" }),
    svg("line", { x1: middle, x2: middle, y1: 0, y2: 100, class: "axis" }),
    svg("polyline", { points, class: "line" }),
    svg("circle", { cx, cy, r: 5, class: "end" }),
  );
  return drawing;
}

// The gates of one recurrent unit, and what each step keeps and adds, over the whole text.

/** @typedef {{ name: string, of: (step: PastStep) => number, scale: Scale }} Column */

/** @param {Layer} layer @param {number} place of the unit @param {PastStep[]} history */
function gatesView(layer, place, history) {
  const columns = columnsOf(layer.kind, history);
  const rows = history.map((step, t) => {
    const cells = columns.map(({ of, scale }) =>
      onColour(element("td", {}, shown(of(step), 3)), scale.colour(of(step))),
    );
    const token = element("td", { class: "foreign" }, tokenAtStep(layer, t));
    return element("tr", { class: t === place ? "here" : null }, rowHead(String(t)), token, ...cells);
  });
  const head = headOf([message("columnStep"), message("columnToken"), ...columns.map(({ name }) => name)]);
  const table = element("table", { class: "gates" }, head, element("tbody", {}, ...rows));
  return element(
    "details",
    { open: true },
    element("summary", {}, message("gatesTitle")),
    scrolling(message("gatesLabel"), table, "scroll tall"),
  );
}

/** @param {string} kind @param {PastStep[]} history @returns {Column[]} */
function columnsOf(kind, history) {
  /** @param {string} name @param {Column["of"]} of */
  const column = (name, of) => ({ name, of, scale: scaleOf(history.map(of)) });
  const isMemory = kind === "lstm";
  return [
    ...GATES[kind].map((name, gate) => ({
      name: message(name),
      of: (/** @type {PastStep} */ step) => step.gates[gate],
      scale: scaleOf(isCandidate(name) ? [-1, 1] : [0, 1]),
    })),
    column(message(isMemory ? "keptOfMemory" : "keptOfState"), (step) => step.kept),
    column(message(isMemory ? "addedToMemory" : "addedToState"), (step) => step.added),
    ...(isMemory ? [column(message("memory"), (step) => step.memory)] : []),
    column(message("state"), (step) => step.state),
  ];
}

// The weights that one head gives all tokens from one of them, as the network has them.

const SHOWN_TOKENS = 12;

/** @param {Layer} layer @param {Unit} unit @returns {Element[]} */
function attentionView(layer, [head, query, key]) {
  const looks = grid ? looksView(layer, [head, query, key], actions.pinUnit) : [];
  const weights = attentionFrom(layer, head, query);
  if (!weights) return looks;
  const words = message(grid ? "headWeightsOfPatches" : "headWeights", {
    head,
    query: tokenLabel(query),
    key: tokenLabel(key),
    weight: shown(weights[key], stored(layer.name) ? 4 : 2),
  });
  const scale = scaleOf([0, ...weights]);
  const spans = pageData.tokens.flatMap((token, place) => {
    const span = element("span", { title: `${place}: ${shown(weights[place], 3)}` }, token || "(unknown)");
    return [onColour(span, scale.colour(weights[place])), " "];
  });
  return [
    ...looks,
    element("p", { class: "foreign" }, words),
    ...(grid ? [] : [element("p", { class: "pieces foreign" }, ...spans)]),
    legend(scale),
    largestTable(weights, (place) => actions.pinUnit([head, query, place])),
  ];
}

/**
 * The tokens with the largest weights, each to be opened.
 * @param {Float32Array | Float64Array} weights @param {(place: number) => void} onPlace
 */
function largestTable(weights, onPlace) {
  const rows = largest(weights, SHOWN_TOKENS).map((place) => {
    const link = button({ class: "number-button" }, shown(weights[place], 4), () => onPlace(place));
    const head = rowHead(tokenLabel(place));
    head.className = "foreign";
    return element("tr", {}, head, element("td", {}, link));
  });
  const name = message("columnToken");
  const head = headOf([name, message("columnWeight")], name);
  const table = element("table", {}, head, element("tbody", {}, ...rows));
  const isCut = weights.length > SHOWN_TOKENS;
  const words = message(isCut ? "largestWeights" : "weightsAsNumbers", {
    shown: SHOWN_TOKENS,
    count: weights.length,
  });
  return element(
    "details",
    {},
    element("summary", {}, words),
    scrolling(message("tokenWeightsLabel"), table),
  );
}

// The arithmetic of one unit, as tables to read and as text to copy.

/** Rounding explains a difference of so many times what was added up. */
const TOLERANCE = 1e-5;

/**
 * What a unit's calculation is, and how it is shown.
 * @param {Layer} layer @param {Unit} unit @returns {{ parts: Element[], found: ComparedUnit | null }}
 */
export function arithmeticView(layer, unit) {
  const found = unlessMissing(() => openUnit(layer, unit));
  const parts = found ? [verdict(found), ...calculationView(layer, unit, found)] : missingView(layer, unit);
  return { parts: [...attendedView(layer, unit), ...parts], found };
}

/**
 * The weights of an attention, or those by which a mixed number of a patch was weighed.
 * @param {Layer} layer @param {Unit} unit @returns {Element[]}
 */
function attendedView(layer, unit) {
  if (layer.kind === "attention-weights") return attentionView(layer, unit);
  if (!grid || layer.kind !== "attention") return [];
  const weights = knownLayer(layer.takes[1]);
  const head = Math.floor((unit[1] * weights.shape[0]) / layer.shape[1]);
  return looksView(weights, [head, unit[0], 0], ([other, query]) => {
    const within = unit[1] % (layer.shape[1] / weights.shape[0]);
    actions.pinUnit([query, (other * layer.shape[1]) / weights.shape[0] + within]);
  });
}

/** @param {Layer} layer @param {Unit} unit */
function missingView(layer, unit) {
  const call = `pellucid.explain(model, input).unit("${layer.name}", ${indexText(unit)})`;
  const parts = [element("p", { class: "quiet" }, message("opensInPython", { call }))];
  const chosen = chosenUnits(layer);
  if (chosen.length) {
    const buttons = chosen.map((each) =>
      button({ class: "plain-button" }, indexText(each.unit), () => actions.pinUnit(each.unit)),
    );
    parts.push(element("p", {}, message("unitsThatOpen"), ...buttons));
  }
  return parts;
}

/** @param {ComparedUnit} found */
function verdict({ network, value, difference, magnitude }) {
  const agrees = difference <= TOLERANCE * magnitude;
  return element(
    "p",
    { class: agrees ? "verdict" : "verdict wrong", id: "verdict" },
    message(agrees ? "verdict" : "verdictWrong", {
      network: shown(network, 7),
      value: shown(value, 7),
      difference: shown(difference, 2),
    }),
  );
}

/** @param {Layer} layer @param {Unit} unit @param {OpenedUnit} found @returns {Element[]} */
function calculationView(layer, unit, { history, weighings, choice, value, curve, steps, powers }) {
  const isRecurrent = layer.kind === "lstm" || layer.kind === "gru";
  return [
    ...(isRecurrent && history ? [gatesView(layer, unit[0], history)] : []),
    ...(weighings.length === 1 && weighings[0].shape.length === 1
      ? neuronView(layer, unit, weighings[0], (name, other) => actions.goToUnit(name, other))
      : []),
    ...weighings.flatMap(weighingView),
    ...(layer.kind.includes("average")
      ? [element("p", { class: "quiet" }, message("meanIsConvolution"))]
      : []),
    ...(choice ? choiceView(layer, choice, value) : []),
    ...(curve ? [curveView(layer.kind, curve)] : []),
    ...(steps.length ? [stepsList(steps)] : []),
    ...(layer.name === pageData.answers.at(-1) ? openedAnswer.probabilities(layer, unit, powers) : []),
  ];
}

/** @param {Step[]} steps */
const stepsList = (steps) =>
  element(
    "ol",
    { class: "steps" },
    ...steps.map(([words, number]) =>
      element("li", {}, element("span", {}, words), element("span", { class: "number" }, shown(number, 7))),
    ),
  );

/** @param {Layer} layer @param {Unit} unit @param {ComparedUnit} found */
export function arithmeticText(layer, unit, { weighings, choice, steps, network, value, difference }) {
  const lines = [
    message("copiedTitle", { layer: layer.name, words: layerWords(layer), unit: indexText(unit) }),
  ];
  for (const weighing of weighings) {
    const { name, patch, weights, products, sum, bias } = weighing;
    if (name) lines.push(`${name}:`);
    const order = shownProducts(weighing);
    for (const at of order) {
      lines.push(`  ${nameOf(weighing, at)}: ${weights[at]} \u00d7 ${patch[at]} = ${products[at]}`);
    }
    if (products.length > order.length) {
      lines.push(`  ${message("copiedRest", { count: products.length - order.length })}`);
    }
    lines.push(`  ${message("copiedSum", { sum, bias, value: weighing.value })}`);
  }
  if (choice) {
    const parts = { count: choice.data.length, place: indexText(choice.source) };
    lines.push(message("copiedLargest", parts));
  }
  for (const [words, number] of steps) lines.push(`${words} = ${number}`);
  lines.push(message("verdict", { network, value, difference }));
  return lines.join("\n");
}
