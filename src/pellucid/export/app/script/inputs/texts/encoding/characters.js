// Kinds of code points and the normal form of texts, as the Python that exported the model sees them.
//
// Browsers and Pythons know different versions of Unicode. What a code point is comes therefore with the page,
// from that Python; normal forms and small letters are the browser's, whose rules never change for a code
// point once it is assigned. Code points that this Python did not know yet stay as they are, as they did there.
import { pointsOf, unpackRuns } from "./bytes.js";

/** White space and control characters, what words are made of, characters that stand alone, and so on. */
export const SPACE = 0;
export const WORD = 1;
export const ALONE = 2;
export const SYMBOL = 3;
export const MARK = 4;
export const FLAG = 5;

/** What a code point is beside its kind, which takes the three bits below. */
export const LETTER = 8;
export const NUMBER = 16;
const UNASSIGNED = 32;
const CASED = 64;
const IGNORABLE = 128;
const KIND = 7;

/** Joins emoji to one. */
export const JOINER = 0x200d;

const POINTS = 0x110000;
const UNSEEN = /[\u00ad\u061c\u180e\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\u{e0001}/gu;

/** The table of all code points, and the runs it was filled from. */
const table = new Uint8Array(POINTS);
const known = { from: "" };

/**
 * Fill the table, unless it is filled so already: members may know characters in different ways.
 * @param {string} packed runs of code points of one kind
 */
export function knowCharacters(packed) {
  if (packed === known.from) return;
  known.from = packed;
  unpackRuns(packed, (kind, start, end) => table.fill(kind, start, end));
}

/** @param {number} point */
export const kindOf = (point) => table[point] & KIND;

/**
 * Whether a code point is a letter or a number.
 * @param {number} point
 * @param {number} sort
 */
export const isOf = (point, sort) => (table[point] & sort) !== 0;

/** @param {string} text */
export const isAscii = (text) => !/[^\0-\x7f]/.test(text);

/**
 * Texts in NFKC and small letters, without what nobody sees; a curly apostrophe is an apostrophe.
 * @param {string} text
 */
export function normalised(text) {
  if (isAscii(text)) return text.toLowerCase();
  return byRuns(text.replace(UNSEEN, ""), (run) =>
    withSmallSigmas(run.normalize("NFKC").replaceAll("\u2019", "'")).toLowerCase(),
  );
}

/**
 * Every capital sigma as the small one that belongs there: another at the end of a word, behind a letter with a
 * case and before none; what is ignored in this stands for nothing.
 * @param {string} text
 */
function withSmallSigmas(text) {
  if (!text.includes("\u03a3")) return text;
  const points = pointsOf(text);
  /** @param {number} at @param {number} step */
  const isCased = (at, step) => {
    let place = at + step;
    while (place >= 0 && place < points.length && isOf(points[place], IGNORABLE)) place += step;
    return place >= 0 && place < points.length && isOf(points[place], CASED);
  };
  return Array.from(text, (character, at) => {
    if (character !== "\u03a3") return character;
    return isCased(at, -1) && !isCased(at, 1) ? "\u03c2" : "\u03c3";
  }).join("");
}

/**
 * A text changed run by run; code points that Python does not know part the runs, and stay.
 * @param {string} text
 * @param {(run: string) => string} change
 */
function byRuns(text, change) {
  let made = "";
  let start = 0;
  let at = 0;
  for (const character of text) {
    const end = at + character.length;
    if (table[/** @type {number} */ (character.codePointAt(0))] & UNASSIGNED) {
      made += change(text.slice(start, at)) + character;
      start = end;
    }
    at = end;
  }
  return made + change(text.slice(start));
}

/** Control characters that are white space by Python's idea of it, as all separators are. */
const WHITE_CONTROLS = new Set([9, 10, 11, 12, 13, 28, 29, 30, 31, 0x85]);
const UNSEEN_SPACE = 0x200b;

/** @param {number} point */
export const isWhite = (point) =>
  kindOf(point) === SPACE && point !== UNSEEN_SPACE && (!isControl(point) || WHITE_CONTROLS.has(point));

/** @param {number} point */
const isControl = (point) => point < 0x20 || (point >= 0x7f && point < 0xa0);

/**
 * Whether normalisation drops a character, because nobody sees it.
 * @param {string} character
 */
export const isUnseen = (character) => character.replace(UNSEEN, "") === "";
