// The types of what a page does with texts; the type checker alone reads this file.
/** @import { Pair } from "../../../../reports/explain/script/types.js" */
/** @import { Features } from "../types.js" */
/** @import { ColumnNames } from "./tables.js" */

/** @typedef {{ columns: ColumnNames }} TextFacts usual names of columns of tables, as `app.input` */

/**
 * How a body reads texts: as its `input`.
 * @typedef {object} ReaderFacts
 * @property {EncoderFacts | null} encoder of a network
 * @property {boolean} knownAlone whether the network reads known words alone
 * @property {TermsFacts | null} terms of a classical model
 */

/**
 * A text as a body reads it.
 * @typedef {object} Reading
 * @property {Found[]} found ids, or columns of n-grams, and where in the text they are
 * @property {boolean} cut whether it reads less than all of the text
 * @property {Features | null} features of a classical model on words
 */

/** @typedef {{ text: string, readings: Reading[] }} ReadText a text as each body reads it, in the order of the bodies */

// The types of encoders' facts, and of what encoders find; the type checker alone reads this file.

/**
 * @typedef {[start: number, end: number]} Span code points of a normalised text, from the first to behind the last
 * @typedef {{ id: number, start: number, end: number }} Found an id, and where in the text, as it was written, it
 *   comes from
 * @typedef {(text: string) => Found[]} Reader nothing cut, and no marks
 * @typedef {(text: string) => { found: Found[], cut: boolean }} Encoder from one id to as many as the model reads
 * @typedef {{ points: number[], starts: number[], ends: number[] }} Aligned code points, and where what each comes
 *   from begins and ends in the text as it was written
 * @typedef {{ columns: number[], values: number[] }} TermWeights of the n-grams in a text, ascending
 */

/**
 * Facts of an encoder; `characters` is what the page has to know of Unicode, as packed runs.
 * @typedef {{ kind: "words" | "characters", length: number, characters: string,
 *   entries: string[] }} EntriesFacts
 * @typedef {{ kind: "sub-words", length: number, characters: string, merges: Pair[] }} MergesFacts
 * @typedef {{ kind: "bytes", length: number }} BytesFacts
 * @typedef {{ kind: "n-grams", length: number, characters: string, words: number, shortest: number, longest: number, kept: number[],
 *   names: string }} GramsFacts names: of all, eight bytes each, in base64
 * @typedef {{ kind: "word-pieces", length: number, around: [before: number[], behind: number[]], entries: string[],
 *   read: string, listed: Record<string, string> }} PiecesFacts around: ids of marks; read: what becomes of each
 *   character, as packed runs; listed: of those that become something else
 * @typedef {{ kind: "unigram", length: number, around: [before: number[], behind: number[]], entries: string[],
 *   characters: string, scores: number[], unknown: number, replaced: Record<string, string> }} UnigramFacts replaced:
 *   what is read in the place of a character
 * @typedef {EntriesFacts | MergesFacts | BytesFacts | GramsFacts | PiecesFacts | UnigramFacts} EncoderFacts
 * @typedef {{ characters: string, terms: string[][], words: number, shortest: number, longest: number,
 *   idf: string }} TermsFacts n-grams of TF-IDF, for each size; idf: name of their array
 */

export {};
