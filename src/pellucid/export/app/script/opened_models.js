// How each classical model among the members comes to its answer, for the input that is shown.
import { largest } from "../../../reports/explain/script/arrays.js";
import {
  button,
  byId,
  cell,
  element,
  headOf,
  indexField,
  rowHead,
  scrolling,
  shown,
} from "../../../reports/explain/script/dom.js";
import { centredScale, legend, paintPixels } from "../../../reports/explain/script/drawing.js";
import { chooseLayer } from "../../../reports/explain/script/page.js";
import { layerCalled } from "../../../reports/explain/script/page_data.js";
import { app, arraysOf } from "./app.js";
import { decisionsOf, leafReader, likenessOf, linearFor, voteOf, votesOf, walker } from "./classical.js";
import { decision } from "./decision.js";
import { say } from "./words/language.js";
/** @import { Whole } from "../../../reports/explain/script/types.js" */
/** @import { Arrays, Body, Features, FeatureWords, Leaf, OpenedAnswer, Question } from "./types.js" */
/** @import { Word } from "./words/language.js" */

// Tables of a decision: rows of a name and numbers that belong to it.

/** Rows of which a table is shown. */
const MOST_ROWS = 30;

/**
 * A paragraph of one string of the page.
 * @param {Word} key @param {Record<string, string | number>} [parts]
 */
export const sentence = (key, parts) => element("p", { class: "foreign" }, say(key, parts));

/**
 * @param {Word} title what it is a table of, for those who cannot see it @param {Word[]} heads
 * @param {[name: Node | string, ...cells: string[]][]} rows
 */
export function tableOfRows(title, heads, rows) {
  const lines = rows.map(([name, ...cells]) => element("tr", {}, rowHead(name), ...cells.map(cell)));
  const table = element(
    "table",
    { class: "foreign" },
    headOf(heads.map((key) => say(key))),
    element("tbody", {}, ...lines),
  );
  return scrolling(say(title), table, "scroll tall");
}

// Names of the features that a classical model sees.

/** @typedef {(column: number) => Node | string} ColumnNamer */

/**
 * Units of the last hidden layer: a click opens the unit's own arithmetic, where the layers are those of the page.
 * @param {number} body @param {number} column
 */
function unitOf(body, column) {
  const name = say("unitNumber", { number: column });
  const layer = body === app.opened ? layerCalled(app.bodies[body].hidden) : undefined;
  if (!layer || layer.hidden || layer.shape.length !== 1) return name;
  return button({ class: "number-button" }, name, () => chooseLayer(layer, [column]));
}

/**
 * @param {number} body @param {FeatureWords | undefined} words of features of the input itself
 * @returns {ColumnNamer}
 */
const namesOf = (body, words) => words?.nameOf ?? ((column) => unitOf(body, column));

// A linear model opened: what each feature adds to the score, as a table and, where features lie on the input, a map.

/**
 * @param {Features} features @param {number} best position of the class or label that is explained; of numbers 0
 * @param {Decided} decided
 */
function openedLinear({ columns, values }, best, { arrayOf, nameOf, mapOf }) {
  const { bias, weightOf } = linearFor(arrayOf, best);
  const weights = columns.map(weightOf);
  const adds = Float64Array.from(weights, (weight, at) => weight * values[at]);
  const parts = {
    count: adds.length,
    bias: shown(bias, 4),
    sum: shown(
      adds.reduce((total, added) => total + added, bias),
      4,
    ),
    label: app.classes[best] ?? "",
  };
  return [
    sentence(decision.words.linear, parts),
    ...(mapOf ? drawnOnPlaces(mapOf(adds)) : []),
    tableOfRows(
      "linearTable",
      ["columnFeature", "columnValue", "columnOfClass", "columnAdds"],
      largest(adds, MOST_ROWS).map((at) => [
        nameOf(columns[at]),
        ...[values[at], weights[at], adds[at]].map((number) => shown(number, 4)),
      ]),
    ),
  ];
}

/** @param {Whole} sums of places */
function drawnOnPlaces({ shape: [rows, columns], data }) {
  const scale = centredScale(Math.max(...data.map(Math.abs)));
  const canvas = element("canvas", { class: "adds", role: "img", "aria-label": say("linearMap") });
  paintPixels(canvas, [rows, columns], data, scale);
  return [element("p", { class: "quiet" }, say("linearMap")), canvas, legend(scale)];
}

// A kernel machine opened: the decision of each pair of classes, and the support vectors that make the closest one.

/** @typedef {{ point: number, name: string, near: number, weight: number }} Kept example, and its weight for a pair */

/**
 * @param {Features} features @param {number} best position of the class or label that is explained; of numbers 0
 * @param {Decided} decided
 */
function openedKernel(features, best, { arrayOf }) {
  const near = likenessOf(features, arrayOf);
  const { shape } = arrayOf("points");
  const gamma = shown(arrayOf("gamma").data[0], 4);
  const kept = sentence("kernelKept", { count: shape[0], space: shape[1], gamma });
  return [kept, ...(decision.hasPairs ? ofClasses(near, best, arrayOf) : ofOutput(near, best, arrayOf))];
}

/** @param {number[]} near @param {number} best @param {Arrays} arrayOf */
function ofClasses(near, best, arrayOf) {
  const classes = Array.from(arrayOf("classes").data);
  const own = classes.indexOf(best);
  const decisions = decisionsOf(near, arrayOf);
  const votes = votesOf(decisions);
  const others = classes.map((_, at) => at).filter((at) => at !== own);
  others.sort((one, other) => decisions[own][one] - decisions[own][other]);
  const scale = arrayOf("scale").data[0];
  const parts = { label: app.classes[best], votes: shown(votes[own], 4), scale: shown(scale, 4) };
  /** @type {[string, string, string][]} */
  const rows = others.map((at) => {
    const lead = decisions[own][at];
    return [app.classes[classes[at]], shown(lead, 4), shown(voteOf(lead), 4)];
  });
  return [
    sentence(decision.words.kernel, { ...parts, score: shown(votes[own] * scale, 4) }),
    tableOfRows("kernelPairs", ["columnAgainst", "columnDecision", "columnVote"], rows),
    ...ofPair(near, [own, others[0]], decisions[own][others[0]], arrayOf),
  ];
}

/**
 * @param {number[]} near
 * @param {[own: number, other: number]} pair columns of the class that is answered, and of the one nearest to it
 * @param {number} lead of the one over the other @param {Arrays} arrayOf
 */
function ofPair(near, [own, other], lead, arrayOf) {
  const [classes, ends] = [arrayOf("classes").data, arrayOf("ends").data];
  const { data, shape } = arrayOf("weights");
  const sign = own < other ? 1 : -1; // a decision speaks for the class that stands first
  /** @type {Kept[]} */
  const kept = [];
  for (const [column, against] of [
    [own, other],
    [other, own],
  ]) {
    const name = app.classes[classes[column]];
    for (let point = column ? ends[column - 1] : 0; point < ends[column]; point += 1) {
      const weight = sign * data[point * shape[1] + (against < column ? against : against - 1)];
      kept.push({ point, name, near: near[point], weight });
    }
  }
  const bias = sign * arrayOf("bias").data[placeOfPair(own, other, classes.length)];
  const parts = {
    label: app.classes[classes[own]],
    other: app.classes[classes[other]],
    bias: shown(bias, 4),
  };
  return [sentence("kernelPair", { ...parts, sum: shown(lead, 4) }), tableOfKept(kept)];
}

/**
 * Position of a pair of columns among (0, 1), (0, 2), ... (1, 2), ...
 * @param {number} one @param {number} other @param {number} count
 */
function placeOfPair(one, other, count) {
  const [first, second] = [Math.min(one, other), Math.max(one, other)];
  return first * count - (first * (first + 1)) / 2 + second - first - 1;
}

/** The number, or the decision for one of several labels. @param {number[]} near @param {number} best @param {Arrays} arrayOf */
function ofOutput(near, best, arrayOf) {
  const { data, shape } = arrayOf("weights");
  const column = Array.from(arrayOf("classes").data).indexOf(best);
  const bias = arrayOf("bias").data[column];
  const kept = near.map((each, point) => ({
    point,
    name: "",
    near: each,
    weight: data[point * shape[1] + column],
  }));
  const sum = kept.reduce((total, each) => total + each.near * each.weight, bias);
  const parts = { label: app.classes[best] ?? "", bias: shown(bias, 4), sum: shown(sum, 4) };
  return [sentence(decision.words.kernel, parts), tableOfKept(kept)];
}

/** @param {Kept[]} kept */
function tableOfKept(kept) {
  /** @param {Kept} each */
  const adds = ({ near, weight }) => near * weight;
  const most = kept.sort((one, other) => Math.abs(adds(other)) - Math.abs(adds(one))).slice(0, MOST_ROWS);
  return tableOfRows(
    "kernelTable",
    ["columnKept", "columnLikeness", "columnOfClass", "columnAdds"],
    most.map((each) => [
      `${each.point + 1} ${each.name}`,
      ...[each.near, each.weight, adds(each)].map((number) => shown(number, 4)),
    ]),
  );
}

// A random forest opened: what its trees answer, and the way through any one of them.

const shownTree = { tree: 0 };

/**
 * @param {Features} features @param {number} best position of the class or label that is explained; of numbers 0
 * @param {Decided} decided
 */
function openedForest(features, best, { arrayOf, nameOf }) {
  const walk = walker(features, arrayOf);
  const held = leafReader(arrayOf);
  const roots = arrayOf("roots").data;
  const leaves = Array.from(roots, (root) => held(walk(root)));
  const count = roots.length;
  const way = element("div");
  /** @param {number} tree */
  const choose = (tree) => {
    shownTree.tree = Math.min(count - 1, Math.max(0, tree));
    /** @type {Question[]} */
    const asked = [];
    walk(roots[shownTree.tree], asked);
    way.replaceChildren(...wayOf(asked, leaves[shownTree.tree], nameOf));
  };
  choose(shownTree.tree);
  const field = indexField(
    "tree",
    say("treeNumber", { count }),
    { value: shownTree.tree, size: count },
    choose,
  );
  const together = { count, label: app.classes[best] ?? "", ...decision.trees(leaves, best) };
  return [sentence(decision.words.forest, together), element("p", { class: "inputs" }, field), way];
}

/** @param {Question[]} asked @param {Leaf} leaf @param {ColumnNamer} nameOf */
function wayOf(asked, leaf, nameOf) {
  const table = tableOfRows(
    "treeTable",
    ["columnFeature", "columnValue", "columnThreshold", "columnAtMost"],
    asked.map(({ column, value, threshold, isYes }) => [
      nameOf(column),
      shown(value, 4),
      shown(threshold, 4),
      say(isYes ? "yes" : "no"),
    ]),
  );
  return [table, sentence(decision.words.leaf, decision.leaf(leaf))];
}

// How each classical model among the members comes to what it says, for the input that is shown.

/**
 * What is needed to open a classical model besides the features that it saw.
 * @typedef {object} Decided
 * @property {Arrays} arrayOf
 * @property {ColumnNamer} nameOf
 * @property {FeatureWords["mapOf"]} mapOf
 */

/** @type {Record<string, (features: Features, best: number, decided: Decided) => Node[]>} */
const OPENED = { linear: openedLinear, kernel: openedKernel, forest: openedForest };

/** @param {OpenedAnswer} answer @param {(body: Body) => FeatureWords | undefined} wordsOf */
export function showDecision({ said, parts }, wordsOf) {
  const best = decision.explained(said);
  const opened = app.members.flatMap(({ name, body, predictor }, place) => {
    if (!predictor?.opened) return [];
    const arrayOf = arraysOf(predictor);
    // Of a class that this member has never seen it has no score.
    const learnt = predictor.kind === "forest" ? null : Array.from(arrayOf("classes").data);
    if (learnt && !learnt.includes(best)) return [];
    const words = app.bodies[body].hidden ? undefined : wordsOf(app.bodies[body]);
    const decided = { arrayOf, nameOf: namesOf(body, words), mapOf: words?.mapOf };
    const nodes = OPENED[predictor.kind](parts[place].seen, best, decided);
    return app.members.length === 1 ? nodes : [element("h3", { class: "foreign" }, name), ...nodes];
  });
  if (!opened.length) return;
  byId("decision").hidden = false;
  byId("decided").replaceChildren(...opened);
}
