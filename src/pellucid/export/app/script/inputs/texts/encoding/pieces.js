// Word pieces: BERT's way to split texts, by a plain list of pieces.
//
// What becomes of each character before (dropped, a space, without its accents and capitals) comes with the page,
// from the library that the network was trained with, so that no browser's idea of Unicode matters.
//
// Source: Devlin et al. 2019, arXiv:1810.04805; Wu et al. 2016, arXiv:1609.08144, for the pieces.
import { unpackRuns, writable } from "./bytes.js";
import { FIRST, UNKNOWN } from "./tokens.js";
/** @import { Found, Reader, ToldPieces } from "./types.js" */

const KEPT = 0;
const DROPPED = 1;
const WHITE = 2;
const SPACED = 3;
const SYLLABLE = 4;
const LISTED = 5;
const PUNCTUATION = 8;

const ALL_POINTS = 0x110000;
const LONGEST_WORD = 100;

/** @typedef {{ text: string, start: number, end: number }} Piece of the text, as it is read */

/**
 * @param {ToldPieces} told
 * @returns {Reader}
 */
export function piecesReader({ entries, read, listed }) {
  const ids = new Map(entries.map((entry, at) => [entry, FIRST + at]));
  const table = tableOf(read);
  return (text) => bertWords(writable(text), table, listed).flatMap((word) => piecesOf(word, ids));
}

/** @param {ToldPieces} told */
export const marksOf = ({ entries }) => [FIRST + entries.indexOf("[CLS]"), FIRST + entries.indexOf("[SEP]")];

/** @param {string} packed runs of a byte for the kind and the length, as for kinds of characters */
function tableOf(packed) {
  const table = new Uint8Array(ALL_POINTS);
  unpackRuns(packed, (kind, start, end) => table.fill(kind, start, end));
  return table;
}

/**
 * Words, each a list of its characters; punctuation stands for itself.
 * @param {string} text
 * @param {Uint8Array} table
 * @param {Record<string, string>} listed
 */
function bertWords(text, table, listed) {
  /** @type {Piece[][]} */
  const words = [];
  /** @type {Piece[]} */
  let word = [];
  const close = () => {
    if (word.length) words.push(word);
    word = [];
  };
  for (const { text: letter, start, end } of readLetters(text, table, listed)) {
    if (letter === " ") close();
    else if (table[/** @type {number} */ (letter.codePointAt(0))] & PUNCTUATION) {
      close();
      words.push([{ text: letter, start, end }]);
    } else word.push({ text: letter, start, end });
  }
  close();
  return words;
}

/**
 * The characters of a text as they are read, each with where it comes from.
 * @param {string} text
 * @param {Uint8Array} table
 * @param {Record<string, string>} listed
 */
function readLetters(text, table, listed) {
  /** @type {Piece[]} */
  const letters = [];
  let start = 0;
  for (const character of text) {
    const end = start + character.length;
    const kind = table[/** @type {number} */ (character.codePointAt(0))] & 7;
    for (const letter of becomes(character, kind, listed)) letters.push({ text: letter, start, end });
    start = end;
  }
  return letters;
}

/**
 * What is read of a character.
 * @param {string} character
 * @param {number} kind
 * @param {Record<string, string>} listed
 */
function becomes(character, kind, listed) {
  switch (kind) {
    case KEPT:
      return character;
    case DROPPED:
      return "";
    case WHITE:
      return " ";
    case SPACED:
      return ` ${character} `;
    case SYLLABLE:
      return character.normalize("NFD");
    case LISTED:
      return listed[character];
    default:
      throw new Error(`characters: ${kind} is no kind`);
  }
}

/**
 * The longest pieces of a word, one after the other; one that cannot be read to its end is unknown.
 * @param {Piece[]} word
 * @param {Map<string, number>} ids
 * @returns {Found[]}
 */
function piecesOf(word, ids) {
  const { start } = word[0];
  const { end } = word[word.length - 1];
  const unknown = [{ id: UNKNOWN, start, end }];
  if (word.length > LONGEST_WORD) return unknown;
  /** @type {Found[]} */
  const found = [];
  let from = 0;
  while (from < word.length) {
    let to = word.length;
    /** @type {number | undefined} */
    let id;
    for (; to > from; to -= 1) {
      const piece = word.slice(from, to).map(({ text }) => text);
      id = ids.get((from ? "##" : "") + piece.join(""));
      if (id !== undefined) break;
    }
    if (id === undefined) return unknown;
    found.push({ id, start: word[from].start, end: word[to - 1].end });
    from = to;
  }
  return found;
}
