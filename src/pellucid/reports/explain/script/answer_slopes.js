// How the loss, and the score that explanations are about, change with each output: by what a network answers.
import { sigmoid, softmaxOf, sumOf } from "./shares.js";
/** @import { Floats, PageData } from "./types.js" */

/** Least probability of one of several ordered classes. */
const LEAST = 1e-4;

/**
 * How the score that explanations are about changes with each output: the log-odds of a class, the logit of a label, or
 * the number.
 * @param {PageData["answer"]} answer @param {Floats} outputs @param {number} target
 */
export function slopesOfScore(answer, outputs, target) {
  const slopes = new Float64Array(outputs.length);
  if (answer === "ordered") return slopesOfOrdered(outputs, target);
  slopes[answer === "class" || answer === "labels" ? target : 0] = 1;
  if (answer !== "class") return slopes;
  const shares = softmaxOf(Array.from(outputs, (output, at) => (at === target ? -Infinity : output)));
  return slopes.map((slope, at) => slope - shares[at]);
}

/** Each output is about a class being higher. @param {Floats} outputs @param {number} target */
function slopesOfOrdered(outputs, target) {
  const higher = [1, ...Array.from(outputs, sigmoid), 0];
  const shares = higher.slice(1).map((each, at) => Math.max(LEAST, higher[at] - each));
  const sum = sumOf(shares);
  const probability = shares[target] / sum;
  const slopes = shares.map((share, at) =>
    share > LEAST ? ((at === target ? 1 : 0) - probability) / sum / probability / (1 - probability) : 0,
  );
  return Float64Array.from(outputs, (_, at) => {
    const share = higher[at + 1];
    return share * (1 - share) * (slopes[at + 1] - slopes[at]);
  });
}

/**
 * How the loss changes with each output, by what it is against: a class, states of labels, or nothing where it is the
 * number itself.
 * @param {ArrayLike<number>} outputs @param {PageData["against"]} against
 */
export function slopesOfLoss(outputs, against) {
  if (against === null) return Float64Array.from(outputs, () => 1);
  if (typeof against === "number") {
    return softmaxOf(outputs).map((share, at) => share - (at === against ? 1 : 0));
  }
  const count = against.filter((state) => state >= 0).length;
  return Float64Array.from(outputs, (output, at) =>
    against[at] < 0 ? 0 : (sigmoid(output) - against[at]) / count,
  );
}
