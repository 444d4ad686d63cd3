// N-grams of words and of their parts: those of a bag, and those of TF-IDF.
import { bytesOfBase64 } from "../../../../reports/explain/script/arrays.js";
import { aligned, kindOf, knowCharacters, pieceOf, SPACE, utf8Of, writable } from "./characters.js";
import { charactersOf, wordsOf } from "./words.js";
/** @import { Aligned, EntriesFacts, Found, GramsFacts, Reader, Span, TermsFacts, TermWeights } from "./types.js" */

// Tokens: texts as words, characters or bytes, each one an id.

/** The id of everything never seen; 0 fills up what is short. */
export const UNKNOWN = 1;

/** The first id of a piece of text. */
export const FIRST = 2;

/** Reader of words or characters of a vocabulary. @param {EntriesFacts} facts @returns {Reader} */
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

// N-grams of a bag: words, neighbouring words and parts of words, known by their 64-bit names.
//
// A piece with code points c has the name m(sum of (c_j + 1) p^j modulo 2^64) with an odd p; m is the finaliser
// of SplitMix64. The names are those that Python gave when the model was trained.

const BASE = 0x9e3779b97f4a7c15n;
const MIX = [0xbf58476d1ce4e5b9n, 0x94d049bb133111ebn];
const ORDER = 0xd6e8feb86659fd93n;

/** @param {bigint} value */
const in64 = (value) => BigInt.asUintN(64, value);

/** Spread every bit over all bits. @param {bigint} value */
function spreadBits(value) {
  const first = in64((value ^ (value >> 30n)) * MIX[0]);
  const second = in64((first ^ (first >> 27n)) * MIX[1]);
  return second ^ (second >> 31n);
}

/** @param {number[]} points */
const gramName = (points) =>
  spreadBits(points.reduceRight((sum, point) => in64(sum * BASE + BigInt(point + 1)), 0n));

/** The name of two pieces together, in this order. @param {bigint} first @param {bigint} second */
const chained = (first, second) => spreadBits(in64(first * ORDER + second));

/**
 * Reader of the n-grams that were kept; all others are passed over. Ids ascend in a text.
 * @param {GramsFacts} facts @returns {Reader}
 */
export function gramsReader({ names, kept, ...shape }) {
  const known = new BigUint64Array(bytesOfBase64(names).buffer);
  let start = 0;
  const lookups = kept.map((count) => {
    const first = start;
    start += count;
    /** @type {Map<bigint, number>} */
    const lookup = new Map();
    for (let at = first; at < start; at += 1) lookup.set(known[at], FIRST + at);
    return lookup;
  });
  return (text) => {
    const origin = aligned(text);
    /** @type {Found[]} */
    const found = [];
    namedGrams(origin.points, shape).forEach((grams, group) => {
      for (const { name, span } of grams) {
        const id = lookups[group].get(name);
        if (id) found.push({ id, start: origin.starts[span[0]], end: origin.ends[span[1] - 1] });
      }
    });
    return found.sort((one, other) => one.id - other.id);
  };
}

/** @typedef {{ words: number, shortest: number, longest: number }} GramShape */

/** Names of words seen before, since most occur in many texts. */
const wordNames = new Map();
const MOST_REMEMBERED = 50_000;

/** @param {number[]} points @param {Span} span @returns {bigint} */
function wordName(points, [start, end]) {
  const word = pieceOf(points, start, end);
  const known = wordNames.get(word);
  if (known !== undefined) return known;
  const name = gramName(points.slice(start, end));
  if (wordNames.size < MOST_REMEMBERED) wordNames.set(word, name);
  return name;
}

/**
 * N-grams of a normalised text, a group for each size: words, pairs and so on, then parts of words.
 * @param {number[]} points @param {GramShape} shape
 */
function namedGrams(points, { words: most, shortest, longest }) {
  const spans = wordsOf(points);
  let run = spans.map((span) => ({ name: wordName(points, span), span }));
  const singles = run;
  const groups = [run];
  for (let size = 2; size <= most; size += 1) {
    run = singles.slice(size - 1).map(({ name, span }, at) => ({
      name: chained(run[at].name, name),
      span: /** @type {Span} */ ([run[at].span[0], span[1]]),
    }));
    groups.push(run);
  }
  for (let size = shortest; longest && size <= longest; size += 1) {
    groups.push(
      wordParts(spans, size).map(({ span, opens, closes }) => ({
        name: spreadBits(in64(gramName(points.slice(...span)) + BigInt(1 + opens + 2 * closes))),
        span,
      })),
    );
  }
  return groups;
}

/**
 * Runs of so many characters inside longer words; the same run at an edge is another part.
 * @param {Span[]} words @param {number} size
 */
const wordParts = (words, size) =>
  words.flatMap(([start, end]) => {
    const count = end - start > size ? end - start - size + 1 : 0;
    return Array.from({ length: count }, (_, inside) => ({
      span: /** @type {Span} */ ([start + inside, start + inside + size]),
      opens: Number(inside === 0),
      closes: Number(inside === count - 1),
    }));
  });

// TF-IDF: weights of n-grams by how often they occur in a text and how rare they are elsewhere.
//
// An n-gram that occurs c times in a text weighs (1 + ln c) times its idf. Words with their neighbours are one
// part of the features, parts of words another; in each the weights of a text are brought to length 1, and where
// there are both parts to length 1 / sqrt 2. A text is cut behind its first 200,000 characters.

const MOST_CHARACTERS = 200_000;

/**
 * Reader of the n-grams that have a weight: their columns, in the order of the text within each size.
 * @param {TermsFacts} facts
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

// Scripts that put no spaces between words.
const ALONE = ["Han", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr"]
  .map((script) => `\\p{scx=${script}}`)
  .join("");
const JOINTS = new RegExp(`(?<=[${ALONE}]) (?=[${ALONE}])`, "gu");

/** A term of several words as a text has it: without spaces within such a script. @param {string} term */
export const withoutJoints = (term) => term.replace(JOINTS, "");

/** Runs of so many words, parted by a space. @param {Aligned} text @param {number} size */
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
 * Parts of words of so many characters, with a space at an edge of its word.
 * @param {Aligned} text @param {number} size
 */
const parts = ({ points }, size) =>
  wordParts(wordsOf(points), size).map(({ span: [start, end], opens, closes }) => ({
    term: `${" ".repeat(opens)}${pieceOf(points, start, end)}${" ".repeat(closes)}`,
    start,
    end,
  }));

/**
 * Weights of the columns that occur in a text, in single precision as the model was trained on them.
 * @param {number[]} columns one for each n-gram that was found @param {ArrayLike<number>} idf
 * @param {TermsFacts} facts @returns {TermWeights}
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
