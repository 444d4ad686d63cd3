// Sub-words: byte-level byte-pair encoding, by its merges alone.
//
// A text is first cut into runs of letters, of numbers and of anything else, each with the space before it.
// Of the neighbouring tokens of a run the pair whose merge was learnt first is joined, the leftmost of several,
// until no merge is left.
//
// Source: Sennrich, Haddow, Birch 2016, Neural Machine Translation of Rare Words with Subword Units.
import { aligned } from "./alignment.js";
import { utf8Of } from "./bytes.js";
import { isOf, isWhite, LETTER, NUMBER } from "./characters.js";
import { need } from "../../../../../../reports/explain/script/data/missing.js";
import { FIRST } from "./tokens.js";
import { APOSTROPHE } from "./words.js";
/** @import { Aligned, Found, Pair, Reader, ToldMerges } from "./types.js" */

const BYTES = 256;
const SPACE_POINT = 0x20;
const QUESTION_MARK = 0x3f;

/** Endings behind an apostrophe that are cut off with it, whatever follows. */
const ENDINGS = ["s", "t", "re", "ve", "m", "ll", "d"].map((ending) =>
  Array.from(ending, (letter) => letter.charCodeAt(0)),
);

/**
 * @param {ToldMerges} told
 * @returns {Reader}
 */
export function subWordsReader({ merges }) {
  const learnt = mergesOf(merges);
  return (text) => {
    const even = evenlySpaced(aligned(text));
    return runsOf(even.points).flatMap(([start, end]) => tokensOf(learnt, even, start, end));
  };
}

/**
 * What each pair of tokens becomes, and when that was learnt; two merges may give the same token.
 * @param {Pair[]} merges
 */
function mergesOf(merges) {
  const spelt = Array.from({ length: BYTES }, (_, byte) => String.fromCharCode(byte));
  const numbers = new Map(spelt.map((token, number) => [token, number]));
  /** @type {Map<number, { rank: number, token: number }>} */
  const learnt = new Map();
  merges.forEach(([first, second], rank) => {
    const token = spelt[first] + spelt[second];
    if (!numbers.has(token)) {
      numbers.set(token, spelt.length);
      spelt.push(token);
    }
    learnt.set(pairOf(first, second), { rank, token: /** @type {number} */ (numbers.get(token)) });
  });
  return learnt;
}

/**
 * One space for all white space between words, none at the ends, and a question mark for half of a pair of
 * surrogates.
 * @param {Aligned} text
 * @returns {Aligned}
 */
function evenlySpaced({ points, starts, ends }) {
  /** @type {Aligned} */
  const even = { points: [], starts: [], ends: [] };
  points.forEach((point, at) => {
    if (isWhite(point)) return;
    if (even.points.length && isWhite(points[at - 1])) {
      even.points.push(SPACE_POINT);
      even.starts.push(starts[at - 1]);
      even.ends.push(ends[at - 1]);
    }
    even.points.push(point >= 0xd800 && point <= 0xdfff ? QUESTION_MARK : point);
    even.starts.push(starts[at]);
    even.ends.push(ends[at]);
  });
  return even;
}

/**
 * Runs of letters, of numbers and of anything else, where each begins and ends.
 * @param {number[]} points
 */
function runsOf(points) {
  /** @type {Pair[]} */
  const runs = [];
  let start = 0;
  while (start < points.length) {
    const end = endingEnd(points, start) || runEnd(points, start);
    runs.push([start, end]);
    start = end;
  }
  return runs;
}

/**
 * The end of an ending behind an apostrophe; 0 where there is none.
 * @param {number[]} points
 * @param {number} start
 */
function endingEnd(points, start) {
  if (points[start] !== APOSTROPHE) return 0;
  const found = ENDINGS.find((ending) => ending.every((letter, at) => points[start + 1 + at] === letter));
  return found ? start + 1 + found.length : 0;
}

/**
 * @param {number[]} points
 * @param {number} start
 */
function runEnd(points, start) {
  const first = points[start] === SPACE_POINT && start + 1 < points.length ? start + 1 : start;
  const sort = sortOf(points[first]);
  let end = first + 1;
  while (end < points.length && points[end] !== SPACE_POINT && sortOf(points[end]) === sort) end += 1;
  return end;
}

/** @param {number} point */
const sortOf = (point) => (isOf(point, LETTER) ? LETTER : isOf(point, NUMBER) ? NUMBER : 0);

/**
 * The tokens of one run.
 * @param {ReturnType<typeof mergesOf>} learnt
 * @param {Aligned} text
 * @param {number} start
 * @param {number} end
 * @returns {Found[]}
 */
function tokensOf(learnt, { points, starts, ends }, start, end) {
  /** @type {Found[]} */
  let parts = [];
  for (let at = start; at < end; at += 1) {
    for (const id of utf8Of(points[at])) parts.push({ id, start: starts[at], end: ends[at] });
  }
  for (;;) {
    const ranks = parts.slice(1).map(({ id }, at) => rankOf(learnt, parts[at].id, id));
    const best = ranks.reduce((least, rank) => Math.min(least, rank), Infinity);
    if (best === Infinity) return parts.map((part) => ({ ...part, id: FIRST + part.id }));
    parts = joinedOnce(learnt, parts, ranks, best);
  }
}

/**
 * @param {ReturnType<typeof mergesOf>} learnt
 * @param {number} first
 * @param {number} second
 */
const rankOf = (learnt, first, second) => learnt.get(pairOf(first, second))?.rank ?? Infinity;

/**
 * Parts where every pair of one rank is joined, from the left on, until joining makes a pair that was learnt
 * earlier, which then comes first.
 * @param {ReturnType<typeof mergesOf>} learnt
 * @param {Found[]} parts
 * @param {number[]} ranks of each part with the next
 * @param {number} best
 */
function joinedOnce(learnt, parts, ranks, best) {
  /** @type {Found[]} */
  const made = [];
  let isOver = false;
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at];
    if (isOver || ranks[at] !== best) made.push(part);
    else {
      const next = parts[at + 1];
      const { token } = need(learnt.get(pairOf(part.id, next.id)));
      const before = made.length ? rankOf(learnt, made[made.length - 1].id, token) : Infinity;
      const behind = at + 2 < parts.length ? rankOf(learnt, token, parts[at + 2].id) : Infinity;
      isOver = Math.min(before, behind) < best;
      made.push({ id: token, start: part.start, end: next.end });
      at += 1;
    }
  }
  return made;
}

/**
 * One number for two tokens; a vocabulary holds at most a million.
 * @param {number} first
 * @param {number} second
 */
const pairOf = (first, second) => first * 2 ** 20 + second;
