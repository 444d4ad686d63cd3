// What drove an answer: how far it falls when a word of the text is left out.
//
// Source: Li, Monroe and Jurafsky 2016, "Understanding neural networks through representation erasure",
// arXiv:1612.08220.
import { aligned } from "../encoding/alignment.js";
import { wordsOf } from "../encoding/words.js";
import { answeredText } from "./answering.js";
import { readText } from "./reading.js";
/** @import { Pair } from "../../../../../../reports/explain/script/types.js" */

/** Most and fewest pieces that are left out one after the other; where there are more words, neighbours go together. */
const [MOST_PIECES, FEWEST_PIECES] = [300, 24];

/** Milliseconds that leaving out may take: a slow network is asked about fewer pieces. */
const LONGEST = 6000;

/** Milliseconds after which the page gets a turn. */
const TURN = 12;

/**
 * Where the words of a text begin and end; of a long text several words together.
 * @param {string} text
 * @param {number} milliseconds that one answer takes
 * @returns {Pair[]}
 */
export function piecesOfText(text, milliseconds) {
  const { points, starts, ends } = aligned(text);
  const words = wordsOf(points).map(([start, end]) => /** @type {Pair} */ ([starts[start], ends[end - 1]]));
  const most = Math.min(MOST_PIECES, Math.max(FEWEST_PIECES, Math.floor(LONGEST / milliseconds)));
  const count = Math.min(words.length, most);
  return Array.from({ length: count }, (_, piece) => {
    const first = Math.floor((piece * words.length) / count);
    const last = Math.floor(((piece + 1) * words.length) / count) - 1;
    return [words[first][0], words[last][1]];
  });
}

/**
 * How far the answer falls without each piece; null when it is not wanted any more.
 * @param {string} text
 * @param {Pair[]} pieces
 * @param {(said: number[]) => number} score of an answer
 * @param {{ isWanted: () => boolean, showAgain: (done: number) => void }} page before others get their turn, the
 *   layers are those of the text that is shown again
 */
export async function lossesOf(text, pieces, score, { isWanted, showAgain }) {
  const whole = score(answeredText(readText(text)).said);
  /** @type {number[]} */
  const losses = [];
  let began = performance.now();
  for (const [start, end] of pieces) {
    if (performance.now() - began > TURN) {
      showAgain(losses.length);
      await new Promise((resolve) => setTimeout(resolve, 0));
      began = performance.now();
    }
    if (!isWanted()) return null;
    losses.push(whole - score(answeredText(readText(text.slice(0, start) + text.slice(end))).said));
  }
  showAgain(losses.length);
  return losses;
}
