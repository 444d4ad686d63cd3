// Bytes: out of the text that a page can hold, and out of strings, as Python writes them.
import { bytesOfBase64 } from "../../../../reports/explain/script/arrays.js";
/** @import { Aligned } from "./types.js" */

/**
 * Runs of equal numbers: a byte for the number, and the length of the run, seven bits a byte, the low ones first.
 * @param {string} packed in base64 @param {(number: number, start: number, end: number) => void} take
 */
export function unpackRuns(packed, take) {
  const bytes = bytesOfBase64(packed);
  let at = 0;
  let start = 0;
  while (at < bytes.length) {
    const number = bytes[at];
    let length = 0;
    let unit = 1;
    do {
      at += 1;
      length += (bytes[at] & 127) * unit;
      unit *= 128;
    } while (bytes[at] & 128);
    take(number, start, start + length);
    start += length;
    at += 1;
  }
}

/**
 * UTF-8 of one code point. Half of a surrogate pair gets the three bytes that its number would have, as with
 * Python's `surrogatepass`; the browser's own encoder would put another character in its place.
 * @param {number} point
 */
export function utf8Of(point) {
  if (point < 0x80) return [point];
  if (point < 0x800) return [0xc0 | (point >> 6), 0x80 | (point & 63)];
  const last = [0x80 | ((point >> 6) & 63), 0x80 | (point & 63)];
  if (point < 0x10000) return [0xe0 | (point >> 12), ...last];
  return [0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), ...last];
}

/** The code points of a text; half of a surrogate pair is one of its own. @param {string} text */
const pointsOf = (text) => Array.from(text, (character) => /** @type {number} */ (character.codePointAt(0)));

const AT_ONCE = 8192;

/**
 * The text of some code points; many at once would be too many arguments of one call.
 * @param {number[]} points
 */
function textOf(points) {
  let text = "";
  for (let at = 0; at < points.length; at += AT_ONCE) {
    text += String.fromCodePoint(...points.slice(at, at + AT_ONCE));
  }
  return text;
}

/**
 * The text with a question mark for every half of a surrogate pair, so that UTF-8 can write it.
 * @param {string} text
 */
export const writable = (text) =>
  text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "?");

// Kinds of code points and the normal form of texts, as the Python that exported the model sees them.
//
// Browsers and Pythons know different versions of Unicode. What a code point is comes therefore with the page,
// from that Python; normal forms and small letters are the browser's, whose rules never change for a code
// point once it is assigned. Code points that this Python did not know yet stay as they are, as they did there.

/** White space and control characters, what words are made of, and so on; 2: a character that is a word by itself. */
export const SPACE = 0;
export const WORD = 1;
export const SYMBOL = 3;
export const MARK = 4;
export const FLAG = 5;

/** What a code point is besides its kind, which takes the three bits below. */
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

/** Whether a code point is a letter or a number. @param {number} point @param {number} sort */
export const isOf = (point, sort) => (table[point] & sort) !== 0;

/** @param {string} text */
const isAscii = (text) => !/[^\0-\x7f]/.test(text);

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
 * case and before none; what is ignored in this does not count.
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
 * @param {string} text @param {(run: string) => string} change
 */
export function byRuns(text, change) {
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

/** Whether normalisation drops a character, because nobody sees it. @param {string} character */
const isUnseen = (character) => character.replace(UNSEEN, "") === "";

// Where every character of a normalised text comes from in the text as it was written.

/**
 * The normalised code points of a text, and for each where what it comes from begins and ends, in the text's own
 * counting (UTF-16). Where the origin is not known, all of them come from the whole text.
 * @param {string} written @param {(text: string) => string} read the normal form @returns {Aligned}
 */
export function aligned(written, read = normalised) {
  if (read === normalised && isAscii(written)) return asItStands(written);
  const points = pointsOf(read(written));
  /** @type {number[]} */
  const starts = [];
  /** @type {number[]} */
  const ends = [];
  const characters = Array.from(written);
  let begin = 0;
  let end = 0;
  characters.forEach((character, at) => {
    end += character.length;
    if (at + 1 < characters.length && belongs(characters[at + 1])) return;
    for (let count = pointsOf(read(written.slice(begin, end))).length; count > 0; count -= 1) {
      starts.push(begin);
      ends.push(end);
    }
    begin = end;
  });
  if (starts.length === points.length) return { points, starts, ends };
  return { points, starts: points.map(() => 0), ends: points.map(() => written.length) };
}

/**
 * A text in which every character stays one; its letters become small.
 * @param {string} text @returns {Aligned}
 */
function asItStands(text) {
  const places = Array.from(text, (_, at) => at);
  const small = text.toLowerCase();
  return {
    points: places.map((at) => small.charCodeAt(at)),
    starts: places,
    ends: places.map((at) => at + 1),
  };
}

/** Whether normalisation may join a character to the one before. @param {string} character */
function belongs(character) {
  const point = /** @type {number} */ (character.codePointAt(0));
  if (isUnseen(character) || (kindOf(point) === MARK && !joinsEmoji(point))) return true;
  return (point >= 0x1160 && point <= 0x11ff) || (point >= 0xff9e && point <= 0xff9f);
}

/**
 * Marks of emoji, which no normal form joins: colours of skin, flags of regions, joiners.
 * @param {number} point
 */
const joinsEmoji = (point) =>
  (point >= 0x1f3fb && point <= 0x1f3ff) ||
  (point >= 0xe0020 && point <= 0xe007f) ||
  point === 0x200c ||
  point === 0x200d;

/**
 * The part of a normalised text between two places.
 * @param {number[]} points @param {number} start @param {number} end
 */
export const pieceOf = (points, start, end) => textOf(points.slice(start, end));
