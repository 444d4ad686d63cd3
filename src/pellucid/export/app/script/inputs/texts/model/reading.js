// From a text to what the model takes: ids of a network, or weights of the n-grams of a classical model.
import { stored } from "../../../../../../reports/explain/script/data/stored.js";
import { need } from "../../../../../../reports/explain/script/data/missing.js";
import { app } from "../../../facts/app.js";
import { say } from "../../../words/language.js";
import { encoderOf } from "../encoding/encoder.js";
import { FIRST } from "../encoding/tokens.js";
import { termsReader, termWeights } from "../encoding/terms.js";
/** @import { Encoder, Found } from "../encoding/types.js" */
/** @import { Features } from "../../../types.js" */
/** @import { ReadText, TextFacts } from "../types.js" */

const BLANK = /^[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}]*$/u;
const HALF_A_PAIR = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** @type {TextFacts} */
export const facts = /** @type {TextFacts} */ (app.input);

/** @type {{ encode: Encoder | null, find: ReturnType<typeof termsReader> | null }} made when they are first needed */
const textReaders = { encode: null, find: null };

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
  if (facts.encoder) {
    textReaders.encode = textReaders.encode || encoderOf(facts.encoder);
    const { found, cut } = textReaders.encode(text);
    return { text, found: facts.knownAlone ? knownOf(found) : found, cut, features: null };
  }
  if (!facts.terms) return { text, found: [], cut: false, features: { columns: [], values: [] } };
  textReaders.find = textReaders.find || termsReader(facts.terms);
  const found = textReaders.find(text);
  return { text, found, cut: false, features: featuresOf(found.map(({ id }) => id)) };
}

/**
 * Known words; of a text without any the first of all, which counts for nothing.
 * @param {Found[]} found
 */
function knownOf(found) {
  const known = found.filter(({ id }) => id >= FIRST);
  return known.length ? known : found.slice(0, 1);
}

/**
 * @param {number[]} columns
 * @returns {Features}
 */
const featuresOf = (columns) => termWeights(columns, need(stored("terms.idf")).data, need(facts.terms));
