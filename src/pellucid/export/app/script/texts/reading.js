// From a text to what members take of it, and to an answer.
import { need, wholeOf } from "../../../../reports/explain/script/arrays.js";
import { pageData, stored } from "../../../../reports/explain/script/page_data.js";
import { lineOf } from "../../../../reports/explain/script/values.js";
import { answered } from "../answer.js";
import { app, layersOf } from "../app.js";
import { aligned } from "./characters.js";
import { encoderOf } from "./encoder.js";
import { FIRST, termsReader, termWeights } from "./grams.js";
import { wordsOf } from "./words.js";
/** @import { Floats, HiddenLayer, Layer, Numbers, Pair } from "../../../../reports/explain/script/types.js" */
/** @import { Body, Eyes, Features } from "../types.js" */
/** @import { Found, ReaderFacts, Reading, ReadText } from "./types.js" */

// How far the words of a text are from those of training texts and of classes: signals of novelty.
//
// The first signal is 1 less the likeness of the fifth nearest training text that was kept, the second 1 less that
// of the nearest class; the first knows small topics, the second what all texts of a class share.

const NEIGHBOUR = 5;

/** @param {Features} features @param {(name: string) => Numbers} arrayOf arrays of the measure */
function nearness({ columns, values }, arrayOf) {
  const seen = new Map(columns.map((column, at) => [column, values[at]]));
  const [kept, centres] = ["kept", "centre"].map((part) => {
    const [of, where, ends] = ["values", "columns", "ends"].map((name) => arrayOf(`${part}_${name}`).data);
    return likenesses(seen, of, where, ends).sort((one, other) => other - one);
  });
  return [1 - kept[Math.min(NEIGHBOUR, kept.length) - 1], 1 - centres[0]];
}

/**
 * The products of a text's weights with every row of others.
 * @param {Map<number, number>} seen weights of the text, by their columns
 * @param {Floats} values of the rows, one behind the other @param {Floats} columns of these
 * @param {Floats} ends of the rows
 */
function likenesses(seen, values, columns, ends) {
  let at = 0;
  return Array.from(ends, (end) => {
    let sum = 0;
    for (; at < end; at += 1) sum += values[at] * (seen.get(columns[at]) || 0);
    return sum;
  });
}

/**
 * Give every layer of a network the shape that it has for so many ids.
 * @param {(Layer | HiddenLayer)[]} layers @param {number} length
 */
export function fitShapes(layers, length) {
  if (layers === pageData.layers) pageData.inputs = [length];
  for (const layer of layers) {
    const [first, last] = [layer.shape[0], layer.shape[layer.shape.length - 1]];
    if (layer.hidden) layer.shape = [length];
    else if (layer.kind === "attention-weights") layer.shape = [first, length, length];
    else if (layer.shape.length === 2) layer.shape = [length, last];
    // The line of a text turned around holds the number of its last place.
    if (layer.kind === "turn") need(lineOf(layer)).factors[0].indices[0][0] = [length - 1, ""];
  }
}

// From a text to what members take: ids of a network, or weights of the n-grams of a classical model.

/** @typedef {(text: string) => Reading} BodyReader */

/** @type {(BodyReader | undefined)[]} of each body, made when it is first needed */
const bodyReaders = [];

/** @param {string} text @returns {ReadText} */
export function readText(text) {
  const readings = app.bodies.map(({ input }, place) => {
    bodyReaders[place] ??= bodyReader(/** @type {ReaderFacts} */ (input));
    return bodyReaders[place](text);
  });
  return { text, readings };
}

/** @param {ReaderFacts} reader @returns {BodyReader} */
function bodyReader({ encoder, terms, knownAlone }) {
  if (encoder) {
    const encode = encoderOf(encoder);
    return (text) => {
      const { found, cut } = encode(text);
      return { found: knownAlone ? knownOf(found) : found, cut, features: null };
    };
  }
  if (!terms) return () => ({ found: [], cut: false, features: { columns: [], values: [] } });
  const find = termsReader(terms);
  return (text) => {
    const found = find(text);
    const columns = found.map(({ id }) => id);
    return { found, cut: false, features: termWeights(columns, need(stored(terms.idf)).data, terms) };
  };
}

/** Known words; of a text without any the first of all, which counts for nothing. @param {Found[]} found */
function knownOf(found) {
  const known = found.filter(({ id }) => id >= FIRST);
  return known.length ? known : found.slice(0, 1);
}

// The answer about a text: from what networks read of it, and from its words.

/** A text as a body reads it. @param {ReadText} read @param {Body} body @returns {Reading} */
const readingOf = (read, body) => read.readings[app.bodies.indexOf(body)];

/** @type {Eyes<ReadText>} */
export const TEXT_EYES = {
  inputs(read, body) {
    const { found } = readingOf(read, body);
    fitShapes(layersOf(body), found.length);
    return wholeOf(
      [found.length],
      Float32Array.from(found, ({ id }) => id),
    );
  },
  seen: (read, body) => need(readingOf(read, body).features),
  signals: (features) => nearness(features, (name) => need(stored(`novelty.measure.${name}`))),
};

/** @param {ReadText} read */
export const answeredText = (read) => answered(TEXT_EYES, read);

// What drove an answer: how far it falls when a word of the text is left out.
//
// Source: Li, Monroe and Jurafsky 2016, "Understanding neural networks through representation erasure",
// arXiv:1612.08220.

/** Most and fewest pieces that are left out one after the other; where there are more words, neighbours go together. */
const [MOST_PIECES, FEWEST_PIECES] = [300, 24];

/** Milliseconds that leaving out may take: a slow network is asked about fewer pieces. */
const LONGEST = 6000;

/** Milliseconds after which the page gets a turn. */
const TURN = 12;

/**
 * Where the words of a text begin and end; of a long text several words together.
 * @param {string} text @param {number} milliseconds that one answer takes @returns {Pair[]}
 */
export function piecesOfText(text, milliseconds) {
  const { points, starts, ends } = aligned(text);
  const words = wordsOf(points).map(([start, end]) => /** @type {Pair} */ ([starts[start], ends[end - 1]]));
  const most = Math.min(MOST_PIECES, Math.max(FEWEST_PIECES, Math.floor(LONGEST / milliseconds)));
  const count = Math.min(words.length, most);
  return Array.from({ length: count }, (_, piece) => {
    const first = Math.floor((piece * words.length) / count);
    const last = Math.floor(((piece + 1) * words.length) / count) - 1;
    return [words[first][0], words[last][1]];
  });
}

/**
 * How far the answer falls without each piece; null when it is not wanted any more.
 * @param {string} text @param {Pair[]} pieces @param {(said: number[]) => number} score of an answer
 * @param {{ isWanted: () => boolean, showAgain: (done: number) => void }} page before others get their turn, the
 *   layers are those of the text that is shown again
 */
export async function lossesOf(text, pieces, score, { isWanted, showAgain }) {
  const whole = score(answeredText(readText(text)).said);
  /** @type {number[]} */
  const losses = [];
  let began = performance.now();
  for (const [start, end] of pieces) {
    if (performance.now() - began > TURN) {
      showAgain(losses.length);
      await new Promise((resolve) => setTimeout(resolve, 0));
      began = performance.now();
    }
    if (!isWanted()) return null;
    losses.push(whole - score(answeredText(readText(text.slice(0, start) + text.slice(end))).said));
  }
  showAgain(losses.length);
  return losses;
}
