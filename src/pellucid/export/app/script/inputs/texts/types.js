// The types of what a page does with texts; the type checker alone reads this file.
/** @import { Found, ToldEncoder, ToldTerms } from "./encoding/types.js" */
/** @import { ColumnNames } from "./page/tables.js" */
/** @import { Features } from "../../types.js" */

/** @typedef {{ columns: ColumnNames }} TextFacts usual names of columns of tables, as `app.input` */

/**
 * What Python tells of how a body reads texts: as its `input`.
 * @typedef {object} ReaderFacts
 * @property {ToldEncoder | null} encoder of a network
 * @property {boolean} knownAlone whether the network reads known words alone
 * @property {ToldTerms | null} terms of a classical model
 */

/**
 * A text as a body reads it.
 * @typedef {object} Reading
 * @property {Found[]} found ids, or columns of n-grams, and where in the text they stand
 * @property {boolean} cut whether it reads less than all of the text
 * @property {Features | null} features of a classical model on words
 */

/** @typedef {{ text: string, readings: Reading[] }} ReadText a text as each body reads it, in the order of the bodies */

export {};
