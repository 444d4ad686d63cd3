// The types of what Python tells of an encoder, and of what encoders find; the type checker alone reads this file.

/**
 * @typedef {[start: number, end: number]} Span code points of a normalised text, from the first to behind the last
 * @typedef {[first: number, second: number]} Pair
 * @typedef {{ id: number, start: number, end: number }} Found an id, and where in the text, as it was written, it
 *   comes from
 * @typedef {(text: string) => Found[]} Reader nothing cut, and no marks
 * @typedef {(text: string) => { found: Found[], cut: boolean }} Encoder from one id to as many as the model reads
 * @typedef {{ points: number[], starts: number[], ends: number[] }} Aligned code points, and where what each comes
 *   from begins and ends in the text as it was written
 * @typedef {{ columns: number[], values: number[] }} TermWeights of the n-grams that stand in a text, ascending
 */

/**
 * What is told of an encoder; `characters` is what the page has to know of Unicode, as packed runs.
 * @typedef {{ kind: "words" | "characters", length: number, characters: string,
 *   entries: string[] }} ToldEntries
 * @typedef {{ kind: "sub-words", length: number, characters: string, merges: Pair[] }} ToldMerges
 * @typedef {{ kind: "bytes", length: number }} ToldBytes
 * @typedef {{ kind: "n-grams", length: number, characters: string, words: number, shortest: number, longest: number, kept: number[],
 *   names: string }} ToldGrams names: of all, eight bytes each, in base64
 * @typedef {{ kind: "word-pieces", length: number, entries: string[], read: string,
 *   listed: Record<string, string> }} ToldPieces read: what becomes of each character, as packed runs; listed: of
 *   those that become something else
 * @typedef {ToldEntries | ToldMerges | ToldBytes | ToldGrams | ToldPieces} ToldEncoder
 * @typedef {{ characters: string, terms: string[][], words: number, shortest: number, longest: number,
 *   idf: string }} ToldTerms n-grams of TF-IDF, for each size; idf: name of their array
 */

export {};
