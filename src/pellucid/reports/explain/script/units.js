// One unit of any layer, computed by hand in double precision, and compared with the network's own value.
import { need, product } from "./arrays.js";
import { indexText, shown } from "./dom.js";
import {
  CELLS,
  densityOfDraw,
  FUNCTIONS,
  GATES,
  columnsOfProduct,
  isCandidate,
  lengthOf,
  mixtureOf,
  momentsOf,
  reconstructionOf,
} from "./functions.js";
import { exponentials, sumOf } from "./shares.js";
import { isCopy, placesOf, summandsOf } from "./notation.js";
import { gramOf, layerCalled, pageData, partOfChannel, stored, tokenLabel } from "./page_data.js";
import { boundLine, layerValue, lineOf, numberAt, taken, tensorOf, tensorsOf, wholesOf } from "./values.js";
import { message } from "./words/message.js";
/** @import { ComparedUnit, HandKind, Layer, LineDeclaration, Numbers, OpenedUnit, Pair } from "./types.js" */
/** @import { MessageKey } from "./words/message.js" */
/** @import { PastStep, Pointwise, Step, Unit, Weighing } from "./types.js" */

/**
 * A weighed sum with all its products.
 * @param {Pick<Weighing, "patch" | "weights" | "shape" | "bias"> & Partial<Weighing>} parts
 * @returns {Weighing}
 */
function weigh(parts) {
  const { patch, weights, shape, bias } = parts;
  const products = Float64Array.from(patch, (seen, at) => weights[at] * seen);
  const sum = sumOf(products);
  const magnitude = Math.abs(bias) + sumOf(products.map(Math.abs));
  const size = products.length / shape[0];
  const sums = Array.from({ length: shape[0] }, (_, channel) =>
    sumOf(products.subarray(channel * size, (channel + 1) * size)),
  );
  return {
    name: "",
    names: null,
    columns: columnsOfProduct(),
    weightAt: null,
    seenAt: null,
    ...parts,
    products,
    sums,
    sum,
    value: sum + bias,
    magnitude,
  };
}

/** Names in a line of the values that a layer takes. */
const SOURCES = ["x", "a"];

/**
 * What a table of a sum shows besides its numbers: names of what it sees, of its columns, and the weight at each place.
 * @param {Layer} layer @param {LineDeclaration} line
 * @param {Pick<ReturnType<typeof placesOf>, "shape" | "indexAt">} places
 */
function wordsOfSum({ kind, weights, takes }, line, { shape, indexAt }) {
  const weight = line.factors.find(({ name }) => name === "W" || name === "E");
  const seen = line.factors[line.factors.length - 1];
  const every = Array.from({ length: product(shape) }, (_, at) => at);
  /** @type {string[] | null} */
  let names = null;
  if (kind === "attention") names = every.map((place) => tokenLabel(place));
  if (kind === "weighed-sum") names = every.map((at) => gramOf(indexAt(seen, at)[0]));
  /** @type {Weighing["weightAt"]} */
  const weightAt = weight ? (at) => [weights[0], indexAt(weight, at)] : null;
  const source = takes[SOURCES.indexOf(seen.name)];
  /** @type {Weighing["seenAt"]} */
  const seenAt = source && layerCalled(source) ? (at) => [source, indexAt(seen, at)] : null;
  return { names, columns: columnsOfProduct(kind), weightAt, seenAt };
}

/** @param {Layer} layer @param {LineDeclaration} line @param {Unit} unit @returns {OpenedUnit} */
function byLine(layer, line, unit) {
  const own = boundLine(layer, line);
  const { patch, weights, bias, seen, shape, ...places } = summandsOf(own, unit);
  if (isCopy(own)) {
    const source = places.indexAt(seen, 0);
    return stepped([[message("stepCopied", { place: indexText(source) }), patch[0]]], Math.abs(patch[0]));
  }
  if (line.operation === "max") {
    const winner = patch.reduce((best, number, at) => (number > patch[best] ? at : best), 0);
    const window = shape.length === 3 ? shape.slice(1) : shape;
    const choice = { data: patch, shape: window, winner, source: places.indexAt(seen, winner) };
    return calculation({ choice, value: patch[winner], magnitude: Math.abs(patch[winner]) });
  }
  const weighing = weigh({ patch, weights, shape, bias, ...wordsOfSum(layer, line, { shape, ...places }) });
  return calculation({ weighings: [weighing], value: weighing.value, magnitude: weighing.magnitude });
}

/** @type {Record<string, MessageKey>} what a declared step works with, by the word that its declaration has for it */
const DECLARED = {
  mean: "stepMean",
  variance: "stepVariance",
  deviation: "stepDeviation",
  scale: "stepScale",
  shift: "stepShift",
  shortcut: "stepShortcut",
};

/** @type {Record<string, string>} */
const SIGNS = { "+": "+", "-": "\u2212", "*": "\u00d7", "/": "\u00f7", "/\u221a": "\u00f7" };

/**
 * A number after a step of a layer, and the factor of the step.
 * @param {string} operation @param {number} x @param {number} operand @returns {Pair}
 */
function stepOn(operation, x, operand) {
  if (operation === "+") return [x + operand, 1];
  if (operation === "-") return [x - operand, 1];
  return operation === "*" ? [x * operand, operand] : [x / operand, 1 / operand];
}

/**
 * The steps from the number in a unit's place: what each does in words, its factor, and the number after it.
 * @param {Layer} layer @param {Pointwise[]} steps @param {Unit} unit
 */
export function stepsAt(layer, steps, unit) {
  const x = taken(layer, unit);
  let [value, magnitude] = [x, Math.abs(x)];
  const after = steps.map(([operation, , words, operand, at]) => {
    let number = at === "setting" ? layer.settings[operand] : operandAt(layer, Number(operand), at, unit);
    let text = [
      (words in DECLARED ? message(DECLARED[words]) : words)
        .replace("{number}", String(unit[unit.length - 1]))
        .replace("{place}", String(unit[0])),
      shown(number),
    ]
      .filter(Boolean)
      .join(" ");
    if (operation === "/\u221a") {
      text = `\u221a(${text} + ${layer.settings.epsilon})`;
      number = Math.sqrt(number + layer.settings.epsilon);
    }
    const before = value;
    const [next, factor] = stepOn(operation, value, number);
    magnitude = "+-".includes(operation) ? magnitude + Math.abs(number) : magnitude * Math.abs(factor);
    value = next;
    return { words: `${SIGNS[operation]} ${text}`, before, value, factor };
  });
  return { x, after, magnitude };
}

/** The operand of a step, among all that a layer takes. @param {Layer} layer @param {number} operand @param {string} at @param {Unit} unit */
function operandAt(layer, operand, at, unit) {
  if (at === "unit") return taken(layer, unit, operand);
  const table = tensorOf(layer, operand - layer.takes.length);
  if (at === "channel") return need(table.row(unit[0]))[0];
  return need(table.row(Math.min(unit[0], table.shape[0] - 1)))[unit[1]];
}

/** @param {Layer} layer @param {Pointwise[]} declared @param {Unit} unit @returns {OpenedUnit} */
function bySteps(layer, declared, unit) {
  if (declared[0][0] === "function") return byFunction(layer, declared[0][2], unit);
  const { x, after, magnitude } = stepsAt(layer, declared, unit);
  return stepped(
    [["x", x], ...after.map(({ words, value }) => /** @type {Step} */ ([words, value]))],
    magnitude,
  );
}

/** @param {Layer} layer @param {string} words empty for a curve with a slope @param {Unit} unit @returns {OpenedUnit} */
function byFunction({ kind, settings, words: name, takes }, words, unit) {
  /** @param {number} at */
  const height = (at) => FUNCTIONS[kind](at, settings);
  const x = need(numberAt(takes[0], unit));
  const y = height(x);
  const magnitude = Math.abs(x) + Math.abs(y);
  const text = words.replace(/\{(\w+):g\}/g, (_, setting) => shown(settings[setting]));
  if (words) {
    return stepped(
      [
        ["x", x],
        [text, y],
      ],
      magnitude,
    );
  }
  const slope = (height(x + 1e-4) - height(x - 1e-4)) / 2e-4;
  return {
    ...stepped(
      [
        ["x", x],
        [message("stepSlope"), slope],
        [message("stepFunction", { name }), y],
      ],
      magnitude,
    ),
    curve: { x, y, height },
  };
}

/** A calculation, from the parts it has. @param {Pick<OpenedUnit, "value" | "magnitude"> & Partial<OpenedUnit>} parts @returns {OpenedUnit} */
const calculation = (parts) => ({
  weighings: [],
  steps: [],
  choice: null,
  curve: null,
  powers: null,
  history: null,
  network: null,
  ...parts,
});

/** A calculation that ends with the last of its steps. @param {Step[]} steps @param {number} magnitude */
const stepped = (steps, magnitude) => calculation({ steps, value: steps[steps.length - 1][1], magnitude });

// Kinds that no declaration describes.

/** @param {Layer} layer @param {Unit} unit */
function layerNormUnit(layer, unit) {
  const number = unit[unit.length - 1];
  const vector = need(need(layerValue(layer.takes[0])).row(unit[0]));
  const [scale, shift] = [0, 1].map((which) => need(tensorOf(layer, which).row(number))[0]);
  const { epsilon } = layer.settings;
  const { mean, variance } = momentsOf(vector);
  const deviation = Math.sqrt(variance + epsilon);
  const centred = vector[number] - mean;
  const size = momentsOf(vector.map(Math.abs)).mean;
  return stepped(
    [
      ["x", vector[number]],
      [message("normMean", { mean: shown(mean), count: vector.length }), centred],
      [message("normVariance", { variance: shown(variance), epsilon }), centred / deviation],
      [message("normScale", { scale: shown(scale) }), (scale * centred) / deviation],
      [message("normShift", { shift: shown(shift) }), (scale * centred) / deviation + shift],
    ],
    ((Math.abs(vector[number]) + size) * Math.abs(scale)) / deviation + Math.abs(shift),
  );
}

/** @param {Layer} layer @param {Unit} unit */
function ofUnitLength(layer, [unit]) {
  const [vector] = wholesOf(layer);
  const length = lengthOf(vector);
  const y = vector[unit] / length;
  return stepped(
    [
      ["x", vector[unit]],
      [message("normLength", { length: shown(length) }), y],
    ],
    Math.abs(y),
  );
}

/** @param {Layer} layer @param {Unit} unit */
function sideBySideUnit(layer, unit) {
  const { name, channel } = partOfChannel(layer, unit[unit.length - 1]);
  const source = [...unit.slice(0, -1), channel];
  const number = need(numberAt(name, source));
  return stepped([[message("stepCopiedFrom", { place: indexText(source), name }), number]], Math.abs(number));
}

/** @param {Layer} layer @param {Unit} unit */
function lookedUp(layer, [place, number]) {
  const id = pageData.ids[place];
  const found = need(tensorOf(layer).row(id))[number];
  const words = message("stepVector", { number, token: pageData.tokens[place], id });
  return stepped([[words, found]], Math.abs(found));
}

/** The weight of a key for a query: their product, and its softmax over all tokens. @param {Layer} layer @param {Unit} unit */
function attentionWeight({ kind, takes, settings: { heads } }, [head, query, key]) {
  const projected = need(layerValue(takes[0]));
  const size = projected.shape[1] / 3 / heads;
  /** @param {number} part 0: query, 1: key @param {number} token */
  const partOfToken = (part, token) => {
    const start = (part * heads + head) * size;
    return need(projected.row(token)).subarray(start, start + size);
  };
  const asks = partOfToken(0, query);
  const products = Array.from({ length: projected.shape[0] }, (_, token) =>
    weigh({
      patch: partOfToken(1, token),
      weights: asks,
      shape: [size],
      bias: 0,
      columns: columnsOfProduct(kind),
    }),
  );
  const scores = products.map(({ value }) => value / Math.sqrt(size));
  const { steps, value } = softmaxSteps(
    message("stepScore", { size }),
    "s",
    scores,
    key,
    "stepPowersOfTokens",
  );
  return calculation({ weighings: [products[key]], steps, value, magnitude: 1 }); // the weights of a row add up to it
}

/**
 * @param {string} first words of the score @param {string} letter of it @param {ArrayLike<number>} scores
 * @param {number} at which of them @param {MessageKey} sum words of the sum over all of them
 */
function softmaxSteps(first, letter, scores, at, sum) {
  const { most, powers } = exponentials(scores);
  const total = sumOf(powers);
  /** @type {Step[]} */
  const steps = [
    [first, scores[at]],
    [message("stepPower", { letter, most: shown(most) }), powers[at]],
    [message(sum, { count: powers.length }), total],
    [message("stepShare"), powers[at] / total],
  ];
  return { steps, value: powers[at] / total, powers };
}

/** @param {Layer} layer @param {Unit} unit */
function softmaxUnit(layer, [unit]) {
  const { steps, powers } = softmaxSteps("z", "z", wholesOf(layer)[0], unit, "stepPowersOfClasses");
  return { ...stepped(steps, 1), powers: Array.from(powers) };
}

/** The gates of a unit at one place, its own memory followed from the first place on. @param {Layer} layer @param {Unit} unit */
function recurrentUnit(layer, [place, unit]) {
  const { kind, shape, weights: names } = layer;
  const [ofInput, ofState, inputBias, stateBias] = names.map((_, which) => tensorOf(layer, which));
  const [inputs, states] = [layer.takes[0], layer.name].map((name) => need(layerValue(name)));
  const nothing = new Float64Array(shape[1]);
  /** @param {number} t @returns {[Weighing, Weighing][]} of each gate the sums from the place and from the states before */
  const sumsAt = (t) =>
    GATES[kind].map((name, gate) => {
      const row = gate * shape[1] + unit;
      /** @param {MessageKey} where @param {Numbers} weight @param {Numbers} bias @param {Weighing["patch"]} patch @returns {Weighing} */
      const sum = (where, weight, bias, patch) =>
        weigh({
          name: message(where, { gate: message(name) }),
          patch,
          weights: need(weight.row(row)),
          shape: [patch.length],
          bias: need(bias.row(row))[0],
          weightAt: (at) => [names[weight === ofInput ? 0 : 1], [row, at]],
        });
      return [
        sum("gateFromPlace", ofInput, inputBias, need(inputs.row(t))),
        sum("gateFromStates", ofState, stateBias, t ? need(states.row(t - 1)) : nothing),
      ];
    });
  /** @type {PastStep[]} */
  const history = [];
  for (let t = 0; t < shape[0]; t += 1) {
    const former = t ? history[t - 1].memory : 0;
    const sums = sumsAt(t);
    const [ofPlace, ofStates] = [0, 1].map((which) => sums.map((pair) => pair[which].value));
    history.push({ ...CELLS[kind]({ ofPlace, ofStates, at: 0, units: 1 }, 0, former), former });
  }
  const now = history[place];
  const weighings = sumsAt(place).flat();
  const magnitude = Math.max(...weighings.map((each) => each.magnitude)) + Math.abs(now.state);
  return calculation({ weighings, steps: stepsOfCell(kind, now), value: now.state, magnitude, history });
}

/** @param {string} kind @param {PastStep} now @returns {Step[]} */
function stepsOfCell(kind, now) {
  const gates = GATES[kind].map((name, gate) => {
    const words = message(isCandidate(name) ? "gateAfterTanh" : "gateAfterSigmoid", { gate: message(name) });
    return /** @type {Step} */ ([words, now.gates[gate]]);
  });
  if (kind === "gru") {
    return [...gates, [message("stateBefore"), now.former], [message("stateOfGru"), now.state]];
  }
  return [
    ...gates,
    [message("memoryBefore"), now.former],
    [message("memoryOfLstm"), now.memory],
    [message("stateOfLstm"), now.state],
  ];
}

/** @param {Layer} layer @param {Unit} unit */
function latentDrawn(layer, unit) {
  const [mean, logVariance, noise] = [0, 1, 2].map((source) => taken(layer, unit, source));
  const deviation = Math.exp(logVariance / 2);
  return stepped(
    [
      [message("latentMean"), mean],
      [message("latentLogVariance"), logVariance],
      [message("latentDeviation"), deviation],
      [message("latentNoise"), noise],
      ["\u03c3 \u00d7 \u03b5", deviation * noise],
      ["z = \u03bc + \u03c3 \u00d7 \u03b5", mean + deviation * noise],
    ],
    Math.abs(mean) + Math.abs(deviation * noise),
  );
}

/** @param {Layer} layer */
function reconstructed(layer) {
  const { variance } = layer.settings;
  const [given, rebuilt] = wholesOf(layer);
  const { count, errors, ofErrors, density, sum } = reconstructionOf(variance, given, rebuilt);
  return stepped(
    [
      [message("greyLevels"), count],
      [message("greyVariance"), variance],
      [message("greyErrors"), errors],
      [message("greyNoise"), errors + count / 12],
      ["\u00f7 2 v", ofErrors],
      ["D / 2 \u00d7 ln(2 \u03c0 v)", density],
      [message("reconstructionSum"), sum],
    ],
    Math.abs(density) + ofErrors,
  );
}

/** @param {Layer} layer */
function drawDensity(layer) {
  const [logVariances, noise] = wholesOf(layer);
  const { squares, spreads, constant, sum } = densityOfDraw(logVariances, noise);
  return stepped(
    [
      [message("noiseSquares"), squares],
      [message("logVarianceSum"), spreads],
      [message("latentConstant", { count: noise.length }), constant],
      [message("densityOfDraw"), sum],
    ],
    (squares + sumOf(logVariances.map(Math.abs)) + constant) / 2,
  );
}

const MOST_COMPONENTS = 12;

/** @param {Layer} layer */
export const mixtureAt = (layer) => mixtureOf(wholesOf(layer)[0], tensorsOf(layer));

/** @param {Layer} layer */
function priorDensity(layer) {
  const { components, constant, sum } = mixtureAt(layer);
  const order = [...components].sort((one, other) => other.joint - one.joint).slice(0, MOST_COMPONENTS);
  /** @type {Step[]} */
  const steps = order.map(({ k, logShare, squares, spreads, joint }) => [
    message("priorComponent", {
      component: k,
      share: shown(Math.exp(logShare), 4),
      squares: shown(squares),
      spreads: shown(spreads),
      constant: shown(constant),
    }),
    joint,
  ]);
  steps.push([message("densityOfPrior"), sum]);
  return stepped(steps, order[0].magnitude);
}

/** @type {Record<HandKind, (layer: Layer, unit: Unit) => OpenedUnit>} */
const UNITS_BY_HAND = {
  "layer-norm": layerNormUnit,
  "side-by-side": sideBySideUnit,
  embedding: lookedUp,
  "attention-weights": attentionWeight,
  "unit-length": ofUnitLength,
  softmax: softmaxUnit,
  lstm: recurrentUnit,
  gru: recurrentUnit,
  reparametrised: latentDrawn,
  reconstruction: reconstructed,
  "density-of-draw": drawDensity,
  "mixture-density": priorDensity,
};

/** @param {Layer} layer @param {Unit} unit @returns {OpenedUnit} */
function opened(layer, unit) {
  const { declaration } = layer;
  if (!declaration) return UNITS_BY_HAND[/** @type {HandKind} */ (layer.kind)](layer, unit);
  return "line" in declaration ? byLine(layer, declaration, unit) : bySteps(layer, declaration.steps, unit);
}

/** @param {Layer} layer @param {Unit} unit @returns {ComparedUnit} */
export function openUnit(layer, unit) {
  const found = openedBeforehand(layer, unit) || opened(layer, unit);
  const network = found.network ?? need(numberAt(layer.name, unit));
  return { ...found, network, difference: Math.abs(found.value - network) };
}

/** Units of a layer that were opened beforehand: some of each where a network is too large for the page. @param {Layer} layer */
export const chosenUnits = (layer) => pageData.chosen[layer.name] || [];

/** @param {Layer} layer @param {Unit} unit */
function openedBeforehand(layer, unit) {
  const found = chosenUnits(layer).find((each) => each.unit.join() === unit.join());
  if (!found) return null;
  const { steps, magnitude, network } = found;
  const line = lineOf(layer);
  const isBag = layer.kind === "weighed-sum"; // whose places follow from its numbers
  const places = line && !isBag && placesOf(boundLine(layer, line), unit);
  const words = line && places ? wordsOfSum(layer, line, places) : { columns: columnsOfProduct(layer.kind) };
  const weighings = found.weighings.map(({ name, at, shape, bias }) => {
    const [patch, weights] = ["patch", "weights"].map((part) => need(stored(`${at}:${part}`)).data);
    return weigh({ name, patch, weights, shape, bias, ...words });
  });
  const choice = found.choice && { ...found.choice, data: need(stored(found.choice.at)).data };
  const value = line && weighings.length ? weighings[0].value : found.value;
  return calculation({ weighings, steps, value, magnitude, choice, network });
}
