// The types of the engine; the type checker alone reads this file.
/** @import { Floats } from "../../../../reports/explain/script/types.js" */

/**
 * A tensor that is learnt: its numbers, the gradient of the loss by them, and what an optimiser keeps of each.
 * @typedef {{ name: string, shape: number[], data: Floats, gradient: Floats, states: Floats[] }} Weights
 */

/**
 * What a layer takes: numbers of some examples one behind the other, or the ids of texts; without a gradient it is the
 * input.
 * @typedef {object} Source
 * @property {string} name
 * @property {number[]} shape of one example
 * @property {number} size its product
 * @property {Floats} made
 * @property {Floats | null} gradient
 * @property {Uint16Array} ids
 * @property {number[]} from where each text begins among the ids
 * @property {number[]} to
 */

/**
 * A layer with room for all examples of a batch; `columns`, `runs` and `spread` are those of a convolution, `winners` of
 * a pool, `mask`, `rate` and `draw` of dropout, which draws in training alone.
 * @typedef {object} NetLayer
 * @property {string} name
 * @property {string} kind
 * @property {number[]} shape
 * @property {number} size
 * @property {Source} before
 * @property {Floats} made
 * @property {Floats} gradient
 * @property {Uint16Array} ids
 * @property {number[]} from
 * @property {number[]} to
 * @property {Weights[]} weights
 * @property {Floats} columns
 * @property {Int32Array} runs
 * @property {Floats} spread
 * @property {Int32Array} winners
 * @property {Floats} mask
 * @property {number} rate
 * @property {(() => number) | null} draw
 */

/**
 * A kind of layer; `terms`: of the gradient of one weight for the first example, the gradient above and the number seen.
 * @typedef {object} Kind
 * @property {(layer: NetLayer, count: number) => void} forward
 * @property {(layer: NetLayer, count: number) => void} backward
 * @property {(layer: NetLayer, weights: Weights, index: number) => number[][]} [terms]
 */

/**
 * @typedef {object} Loss
 * @property {(layer: NetLayer, at: number, label: number) => number} of
 * @property {(outputs: ArrayLike<number>) => ArrayLike<number>} shares probabilities that a page shows
 */

/** @typedef {{ states: string[], update: (weights: Weights, rate: number, step: number) => void }} Optimiser */

/** @typedef {{ layer: string, name: string, index: number }} WeightPlace index: in the flat tensor */

export {};
