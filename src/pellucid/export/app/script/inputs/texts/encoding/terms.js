// TF-IDF: weights of n-grams by how often they stand in a text and how rare they are elsewhere.
//
// An n-gram that stands c times in a text weighs (1 + ln c) times its idf. Words with their neighbours are one
// part of the features, parts of words another; in each the weights of a text are brought to length 1, and where
// there are both parts to length 1 / sqrt 2. A text is cut behind its first 200,000 characters.
import { aligned, pieceOf } from "./alignment.js";
import { writable } from "./bytes.js";
import { knowCharacters } from "./characters.js";
import { wordParts } from "./ngrams.js";
import { wordsOf } from "./words.js";
/** @import { Aligned, Found, TermWeights, ToldTerms } from "./types.js" */

const MOST_CHARACTERS = 200_000;

/**
 * Reader of the n-grams that have a weight: their columns, in the order of the text within each size.
 * @param {ToldTerms} told
 */
export function termsReader({ characters, terms, words: most, shortest, longest }) {
  let first = 0;
  const lookups = terms.map((group) => {
    const lookup = new Map(group.map((term, at) => [term, first + at]));
    first += group.length;
    return lookup;
  });
  /** @param {string} text @returns {Found[]} */
  return (text) => {
    knowCharacters(characters);
    const origin = aligned(writable(cut(text)));
    const sizes = [...Array(most).keys()].map((size) => neighbours(origin, size + 1));
    for (let size = shortest; longest && size <= longest; size += 1) sizes.push(parts(origin, size));
    return sizes.flatMap((grams, group) =>
      grams.flatMap(({ term, start, end }) => {
        const id = lookups[group].get(term);
        return id === undefined ? [] : [{ id, start: origin.starts[start], end: origin.ends[end - 1] }];
      }),
    );
  };
}

/** @param {string} text */
function cut(text) {
  if (text.length <= MOST_CHARACTERS) return text;
  return Array.from(text).slice(0, MOST_CHARACTERS).join("");
}

/**
 * Runs of so many words, parted by a space.
 * @param {Aligned} text
 * @param {number} size
 */
function neighbours({ points }, size) {
  const spans = wordsOf(points);
  const spelt = spans.map(([start, end]) => pieceOf(points, start, end));
  return spans.slice(size - 1).map(([, end], at) => ({
    term: spelt.slice(at, at + size).join(" "),
    start: spans[at][0],
    end,
  }));
}

/**
 * Parts of words of so many characters, with a space where one stands at an edge of its word.
 * @param {Aligned} text
 * @param {number} size
 */
const parts = ({ points }, size) =>
  wordParts(wordsOf(points), size).map(({ span: [start, end], opens, closes }) => ({
    term: `${" ".repeat(opens)}${pieceOf(points, start, end)}${" ".repeat(closes)}`,
    start,
    end,
  }));

/**
 * Weights of the columns that stand in a text, in single precision as the model was trained on them.
 * @param {number[]} columns one for each n-gram that was found
 * @param {ArrayLike<number>} idf
 * @param {ToldTerms} told
 * @returns {TermWeights}
 */
export function termWeights(columns, idf, { terms, words, longest }) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const column of columns) counts.set(column, (counts.get(column) || 0) + 1);
  const sorted = [...counts.keys()].sort((one, other) => one - other);
  const weights = sorted.map((column) => (1 + Math.log(counts.get(column) || 1)) * idf[column]);
  const border = terms.slice(0, words).reduce((sum, group) => sum + group.length, 0);
  const squares = [0, 0];
  sorted.forEach((column, at) => {
    squares[Number(column >= border)] += weights[at] ** 2;
  });
  const norms = squares.map((sum) => Math.sqrt(sum) * (longest ? Math.SQRT2 : 1));
  return {
    columns: sorted,
    values: weights.map((weight, at) => Math.fround(weight / norms[Number(sorted[at] >= border)])),
  };
}
