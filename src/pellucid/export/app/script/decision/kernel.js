// A kernel machine opened: the decision of each pair of classes, and the kept examples that make the closest one.
import { shown } from "../../../../reports/explain/script/dom/numbers.js";
import { decisionsOf, likenessOf, voteOf, votesOf } from "../classical/kernel.js";
import { app } from "../facts/app.js";
import { MOST_ROWS, sentence, tableOfRows } from "./tables.js";
/** @import { Arrays, Features } from "../types.js" */
/** @import { Decided } from "./decision.js" */

/** @typedef {{ point: number, name: string, near: number, weight: number }} Kept example, and its weight for a pair */

/**
 * @param {Features} features
 * @param {number} best position of the class that is answered; of numbers 0
 * @param {Decided} decided
 */
export function openedKernel(features, best, { arrayOf }) {
  const near = likenessOf(features, arrayOf);
  const { shape } = arrayOf("points");
  const gamma = shown(arrayOf("gamma").data[0], 4);
  const kept = sentence("kernelKept", { count: shape[0], space: shape[1], gamma });
  return [kept, ...(app.classes.length ? ofClasses(near, best, arrayOf) : ofNumber(near, arrayOf))];
}

/**
 * @param {number[]} near
 * @param {number} best
 * @param {Arrays} arrayOf
 */
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
    const decision = decisions[own][at];
    return [app.classes[classes[at]], shown(decision, 4), shown(voteOf(decision), 4)];
  });
  return [
    sentence("kernelVotes", { ...parts, score: shown(votes[own] * scale, 4) }),
    tableOfRows("kernelPairs", ["columnAgainst", "columnDecision", "columnVote"], rows),
    ...ofPair(near, [own, others[0]], decisions[own][others[0]], arrayOf),
  ];
}

/**
 * @param {number[]} near
 * @param {[own: number, other: number]} pair columns of the class that is answered, and of the one nearest to it
 * @param {number} decision
 * @param {Arrays} arrayOf
 */
function ofPair(near, [own, other], decision, arrayOf) {
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
  return [sentence("kernelPair", { ...parts, sum: shown(decision, 4) }), tableOfKept(kept)];
}

/**
 * Position of a pair of columns among (0, 1), (0, 2), ... (1, 2), ...
 * @param {number} one
 * @param {number} other
 * @param {number} count
 */
function placeOfPair(one, other, count) {
  const [first, second] = [Math.min(one, other), Math.max(one, other)];
  return first * count - (first * (first + 1)) / 2 + second - first - 1;
}

/**
 * @param {number[]} near
 * @param {Arrays} arrayOf
 */
function ofNumber(near, arrayOf) {
  const weights = arrayOf("weights").data;
  const bias = arrayOf("bias").data[0];
  const kept = near.map((each, point) => ({ point, name: "", near: each, weight: weights[point] }));
  const sum = kept.reduce((total, each) => total + each.near * each.weight, bias);
  return [sentence("kernelNumber", { bias: shown(bias, 4), sum: shown(sum, 4) }), tableOfKept(kept)];
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
