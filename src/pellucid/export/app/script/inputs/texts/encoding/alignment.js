// Where every character of a normalised text comes from in the text as it was written.
import { pointsOf, textOf } from "./bytes.js";
import { isAscii, isUnseen, kindOf, MARK, normalised } from "./characters.js";
/** @import { Aligned } from "./types.js" */

/**
 * The normalised code points of a text, and for each where what it comes from begins and ends, in the text's own
 * counting (UTF-16). Where the origin cannot be told, all of them come from the whole text.
 * @param {string} written
 * @returns {Aligned}
 */
export function aligned(written) {
  if (isAscii(written)) return asItStands(written);
  const points = pointsOf(normalised(written));
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
    for (let count = pointsOf(normalised(written.slice(begin, end))).length; count > 0; count -= 1) {
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
 * @param {string} text
 * @returns {Aligned}
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

/**
 * Whether normalisation may join a character to the one before.
 * @param {string} character
 */
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
 * @param {number[]} points
 * @param {number} start
 * @param {number} end
 */
export const pieceOf = (points, start, end) => textOf(points.slice(start, end));
