// From a text to what members take: ids of a network, or weights of the n-grams of a classical model.
import { stored } from "../../../../../../reports/explain/script/data/stored.js";
import { need } from "../../../../../../reports/explain/script/data/missing.js";
import { app } from "../../../facts/app.js";
import { say } from "../../../words/language.js";
import { encoderOf } from "../encoding/encoder.js";
import { FIRST } from "../encoding/tokens.js";
import { termsReader, termWeights } from "../encoding/terms.js";
/** @import { Found } from "../encoding/types.js" */
/** @import { ReaderFacts, Reading, ReadText, TextFacts } from "../types.js" */

const BLANK = /^[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}]*$/u;
const HALF_A_PAIR = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** @type {TextFacts} */
export const facts = /** @type {TextFacts} */ (app.input);

/** @typedef {(text: string) => Reading} BodyReader */

/** @type {(BodyReader | undefined)[]} of each body, made when it is first needed */
const bodyReaders = [];

/**
 * Refuse what is no text.
 * @param {string} text
 */
export function requireText(text) {
  if (BLANK.test(text)) throw new Error(say("blankText"));
  if (HALF_A_PAIR.test(text)) throw new Error(say("halfAPair"));
}

/**
 * @param {string} text
 * @returns {ReadText}
 */
export function readText(text) {
  const readings = app.bodies.map(({ input }, place) => {
    bodyReaders[place] ??= bodyReader(/** @type {ReaderFacts} */ (input));
    return bodyReaders[place](text);
  });
  return { text, readings };
}

/**
 * @param {ReaderFacts} reader
 * @returns {BodyReader}
 */
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

/**
 * Known words; of a text without any the first of all, which counts for nothing.
 * @param {Found[]} found
 */
function knownOf(found) {
  const known = found.filter(({ id }) => id >= FIRST);
  return known.length ? known : found.slice(0, 1);
}
