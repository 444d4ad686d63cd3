// N-grams of a bag: words, neighbouring words and parts of words, known by their 64-bit names.
//
// A piece with code points c has the name m(sum of (c_j + 1) p^j modulo 2^64) with an odd p; m is the finaliser
// of SplitMix64. The names are those that Python gave when the model was trained.
import { aligned, pieceOf } from "./alignment.js";
import { bytesOf } from "./bytes.js";
import { FIRST } from "./tokens.js";
import { wordsOf } from "./words.js";
/** @import { Found, Reader, Span, ToldGrams } from "./types.js" */

const BASE = 0x9e3779b97f4a7c15n;
const MIX = [0xbf58476d1ce4e5b9n, 0x94d049bb133111ebn];
const ORDER = 0xd6e8feb86659fd93n;

/** @param {bigint} value */
const in64 = (value) => BigInt.asUintN(64, value);

/**
 * Spread every bit over all bits.
 * @param {bigint} value
 */
function spreadBits(value) {
  const first = in64((value ^ (value >> 30n)) * MIX[0]);
  const second = in64((first ^ (first >> 27n)) * MIX[1]);
  return second ^ (second >> 31n);
}

/** @param {number[]} points */
export const gramName = (points) =>
  spreadBits(points.reduceRight((sum, point) => in64(sum * BASE + BigInt(point + 1)), 0n));

/**
 * The name of two pieces together, in this order.
 * @param {bigint} first
 * @param {bigint} second
 */
const chained = (first, second) => spreadBits(in64(first * ORDER + second));

/**
 * Reader of the n-grams that were kept; all others are passed over. Ids ascend in a text.
 * @param {ToldGrams} told
 * @returns {Reader}
 */
export function gramsReader({ names, kept, ...shape }) {
  const known = new BigUint64Array(bytesOf(names).buffer);
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

/** Names of words seen before, since most stand in many texts. */
const wordNames = new Map();
const MOST_REMEMBERED = 50_000;

/**
 * @param {number[]} points
 * @param {Span} span
 * @returns {bigint}
 */
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
 * @param {number[]} points
 * @param {GramShape} shape
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
 * @param {Span[]} words
 * @param {number} size
 */
export const wordParts = (words, size) =>
  words.flatMap(([start, end]) => {
    const count = end - start > size ? end - start - size + 1 : 0;
    return Array.from({ length: count }, (_, inside) => ({
      span: /** @type {Span} */ ([start + inside, start + inside + size]),
      opens: Number(inside === 0),
      closes: Number(inside === count - 1),
    }));
  });
