// The encoder of a network of texts: from a text to ids, and where each of them stands in it.
import { knowCharacters } from "./characters.js";
import { gramsReader } from "./ngrams.js";
import { marksOf, piecesReader } from "./pieces.js";
import { subWordsReader } from "./subwords.js";
import { bytesReader, entriesReader, UNKNOWN } from "./tokens.js";
/** @import { Encoder, Reader, ToldEncoder } from "./types.js" */

/** @type {{ [K in ToldEncoder["kind"]]: (told: Extract<ToldEncoder, { kind: K }>) => Reader }} */
const readers = {
  words: entriesReader,
  characters: entriesReader,
  "sub-words": subWordsReader,
  bytes: () => bytesReader,
  "n-grams": gramsReader,
  "word-pieces": piecesReader,
};

/**
 * @param {ToldEncoder} told
 * @returns {Encoder}
 */
export function encoderOf(told) {
  const read = /** @type {(told: ToldEncoder) => Reader} */ (readers[told.kind])(told);
  const marks = told.kind === "word-pieces" ? marksOf(told) : [];
  const most = told.length - marks.length;
  return (text) => {
    if ("characters" in told) knowCharacters(told.characters);
    const all = read(text);
    const found = all.length > most ? all.slice(0, most) : all;
    if (marks.length) {
      const [before, behind] = marks;
      return { found: [mark(before, 0), ...found, mark(behind, text.length)], cut: all.length > most };
    }
    return { found: found.length ? found : [mark(UNKNOWN, 0)], cut: all.length > most };
  };
}

/**
 * An id that stands for no part of the text.
 * @param {number} id
 * @param {number} at
 */
const mark = (id, at) => ({ id, start: at, end: at });
