// The types of what a page does with texts; the type checker alone reads this file.
/** @import { Found, ToldEncoder, ToldTerms } from "./encoding/types.js" */
/** @import { ColumnNames } from "./page/tables.js" */
/** @import { Features, Predictor } from "../../types.js" */

/**
 * What Python tells of how texts are read: as `app.input`.
 * @typedef {object} TextFacts
 * @property {ToldEncoder | null} encoder of a network
 * @property {boolean} knownAlone whether the network reads known words alone
 * @property {ToldTerms | null} terms of a classical model
 * @property {Predictor | null} predictor of a classical model
 * @property {ColumnNames} columns usual names of columns of tables
 */

/**
 * A text as the model reads it.
 * @typedef {object} ReadText
 * @property {string} text
 * @property {Found[]} found ids, or columns of n-grams, and where in the text they stand
 * @property {boolean} cut whether the model reads less than all of it
 * @property {Features | null} features of a classical model on words
 */

export {};
