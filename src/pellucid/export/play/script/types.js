// The types of what the page that trains holds and draws; the type checker alone reads this file.

/**
 * @typedef {{ labels: number[], texts?: string[] }} PackedPart
 * @typedef {{ kind: "image" | "text", name: string, shape?: number[], classes: string[],
 *   note: { en: string, zh: string }, train: PackedPart, validation: PackedPart }} PackedFacts
 */

/**
 * Inputs of examples: pixels, pairs of numbers, or ids of words.
 * @typedef {Uint8Array | Float32Array | { ids: Uint16Array, starts: Uint32Array }} Inputs
 * @typedef {{ inputs: Inputs, labels: Uint8Array }} Examples
 */

/**
 * What the engine learns from.
 * @typedef {object} Data
 * @property {"image" | "points" | "text"} kind
 * @property {number[]} shape
 * @property {string[]} classes
 * @property {Examples} train
 * @property {Examples} validation
 */

/**
 * A data set that one may choose.
 * @typedef {object} Choice
 * @property {string} name of the user's data, or the key of a word
 * @property {"image" | "points" | "text"} kind
 * @property {(seed: number, noise: number) => Data} made
 * @property {{ en: string, zh: string } | null} note
 * @property {string[]} [texts] of validation
 * @property {string[]} [words] by their ids
 */

/**
 * @typedef {object} Design
 * @property {"perceptron" | "mlp" | "cnn" | "bag"} model
 * @property {number} depth
 * @property {number} width
 * @property {number} kernel
 * @property {string} activation
 * @property {number} dropout
 * @property {string} loss
 * @property {string} optimiser
 * @property {number} rate
 * @property {number} batch
 * @property {number} seed
 * @property {string} precision
 */

/**
 * @typedef {ArrayLike<number>} Values
 * @typedef {{ name: string, kind: string, shape: number[], weights: { name: string, shape: number[] }[] }} EngineLayer
 * @typedef {{ loss: number, accuracy: number }} Score
 * @typedef {{ values: Record<string, Float32Array | Float64Array>, probabilities: Values }} Pinned
 */

/**
 * One step from a single example, as the engine reports it.
 * @typedef {object} Stepped
 * @property {number} step
 * @property {number} example
 * @property {number} label
 * @property {number} loss
 * @property {Record<string, Float32Array | Float64Array>} values
 * @property {Record<string, Float32Array | Float64Array>} gradients
 * @property {{ layer: string, name: string, index: number, shape: number[], before: number, after: number,
 *   gradient: number, terms: number[][], count: number, state: { before: Record<string, number>,
 *   after: Record<string, number>, corrections: number[] } }} weight
 */

/**
 * @typedef {{ layer: string, name: string, index: number, byBackprop: number, byDifference: number,
 *   relativeError: number }} Checked
 */

/**
 * @typedef {object} Progress
 * @property {number} step
 * @property {number} epoch
 * @property {Score | null} [train]
 * @property {Score | null} [validation]
 * @property {number} [perSecond]
 * @property {Pinned} [pinned]
 * @property {Float32Array | Float64Array} [first] weights of the first layer that has any
 * @property {Record<string, number>} [dead]
 * @property {{ size: number, reach: number, answers: Float32Array }} [boundary] scores of the second class above the first
 */

export {};
