// Tokens: texts as words, characters or bytes, each one an id.
import { aligned, pieceOf } from "./alignment.js";
import { utf8Of } from "./bytes.js";
import { kindOf, SPACE } from "./characters.js";
import { charactersOf, wordsOf } from "./words.js";
/** @import { Found, Reader, ToldEntries } from "./types.js" */

/** The id of everything never seen; 0 fills up what is short. */
export const UNKNOWN = 1;

/** The first id that stands for a piece of text. */
export const FIRST = 2;

/**
 * Reader of words or characters that stand in a vocabulary.
 * @param {ToldEntries} told
 * @returns {Reader}
 */
export function entriesReader({ kind, entries }) {
  const ids = new Map(entries.map((entry, at) => [entry, FIRST + at]));
  const isWords = kind === "words";
  return (text) => {
    const { points, starts, ends } = aligned(text);
    const split = isWords ? wordsOf(points) : charactersOf(points);
    return split.map(([start, end]) => {
      const piece = !isWords && kindOf(points[start]) === SPACE ? " " : pieceOf(points, start, end);
      return { id: ids.get(piece) ?? UNKNOWN, start: starts[start], end: ends[end - 1] };
    });
  };
}

/** @type {Reader} the bytes of a text as it was written */
export function bytesReader(text) {
  /** @type {Found[]} */
  const found = [];
  let start = 0;
  for (const character of text) {
    const end = start + character.length;
    for (const byte of utf8Of(/** @type {number} */ (character.codePointAt(0)))) {
      found.push({ id: FIRST + byte, start, end });
    }
    start = end;
  }
  return found;
}
