// Words and characters of a normalised text: a rule for all scripts, for emoji and for code.
//
// A word is a run of letters, digits, underscores and their marks. A character of a script without spaces, a
// symbol and an emoji are words by themselves; marks belong to what they follow. A symbol that is repeated is one
// word, and more than three of it count as three. An apostrophe inside a word begins a short ending (john and
// 's) and closes what comes before a longer word (l' and homme).
import { FLAG, JOINER, kindOf, MARK, SPACE, SYMBOL, WORD } from "./characters.js";
/** @import { Span } from "./types.js" */

export const APOSTROPHE = 0x27;
const LINE_BREAK = 0x0a;
const MOST_REPEATED = 3;

/** The words of a normalised text. @param {number[]} text code points @returns {Span[]} */
export function wordsOf(text) {
  const points = [...text, LINE_BREAK];
  const { kinds, apart } = settled(points);
  /** @type {Span[]} */
  const words = [];
  let start = -1;
  let base = SPACE;
  let flags = 0;
  kinds.forEach((kind, at) => {
    flags = kind === FLAG ? flags + 1 : 0;
    const goesOn = apart.has(at) ? false : continues(points, kinds, { at, base, flags });
    if (start >= 0 && !goesOn) words.push([start, endOf(points, kinds[start], start, at)]);
    if (!goesOn) start = kind === SPACE ? -1 : at;
    if (kind !== MARK) base = kind;
  });
  return words;
}

/**
 * Kinds where a mark behind white space is a word and apostrophes inside words are part of them, and the places
 * that begin a word because of an apostrophe.
 * @param {number[]} points
 */
function settled(points) {
  const own = points.map(kindOf);
  const kinds = own.map((kind, at) => (kind === MARK && (at === 0 || own[at - 1] === SPACE) ? WORD : kind));
  const inWord = kinds.map((kind) => kind === WORD || kind === MARK);
  const last = points.length - 1;
  /** @type {number[]} */
  const inside = [];
  for (let at = 1; at < last; at += 1) {
    if (points[at] === APOSTROPHE && inWord[at - 1] && kinds[at + 1] === WORD) inside.push(at);
  }
  const apart = new Set();
  for (const at of inside) {
    kinds[at] = WORD;
    const isShort = !(inWord[at + 2] && inWord[Math.min(at + 3, last)]);
    apart.add(isShort ? at : at + 1);
  }
  return { kinds, apart };
}

/**
 * Whether a code point belongs to the piece of the one before.
 * @param {number[]} points @param {number[]} kinds
 * @param {{ at: number, base: number, flags: number }} place base: kind of what the marks before belong to; flags:
 *   how many halves of flags come together up to here
 */
function continues(points, kinds, { at, base, flags }) {
  switch (kinds[at]) {
    case MARK:
      return true;
    case WORD:
      return base === WORD;
    case SYMBOL:
      return points[at] === points[at - 1] || points[at - 1] === JOINER;
    case FLAG:
      return flags % 2 === 0;
    default:
      return false;
  }
}

/**
 * Behind the last code point of a piece that counts.
 * @param {number[]} points @param {number} kind @param {number} start @param {number} end
 */
function endOf(points, kind, start, end) {
  const far = start + MOST_REPEATED;
  return kind === SYMBOL && end > far && points[far] === points[start] ? far : end;
}

/**
 * The characters of a normalised text; white space between others is one space, at the ends it is nothing.
 * @param {number[]} points
 */
export function charactersOf(points) {
  /** @type {Span[]} */
  const found = [];
  let before = -1;
  points.forEach((point, at) => {
    if (kindOf(point) === SPACE) return;
    if (before >= 0 && at - before > 1) found.push([before + 1, before + 2]);
    found.push([at, at + 1]);
    before = at;
  });
  return found;
}
