// The types of the page's data and of what is computed from it; the type checker alone reads this file.

/**
 * @typedef {[number, number]} Pair of rows and columns
 * @typedef {number[]} Shape sizes of the axes of an array
 * @typedef {number[]} Unit index of one number: (channel, row, column), (place, channel) or (unit)
 * @typedef {Float32Array | Float64Array} Floats in single precision as stored, in double as computed
 * @typedef {Float32ArrayConstructor | Float64ArrayConstructor} FloatsKind
 */

/**
 * An array all of whose rows are in the page; `row(i)` gives the numbers at index i of the first axis.
 * @typedef {{ shape: Shape, data: Floats, kept: null, row: (index: number) => Floats }} Whole
 */

/**
 * An array of which the page holds only the rows `kept`; `row(i)` is null for any other.
 * @typedef {{ shape: Shape, data: Floats, kept: number[], row: (index: number) => Floats | null }} Part
 * @typedef {Whole | Part} Numbers
 */

/**
 * What a layer is set to besides its weights: stride and padding, heads, epsilon, whatever its kind has.
 * @typedef {Record<string, any>} Settings
 */

/**
 * Kinds of layers that no declaration describes: their units open by a function of their own.
 * @typedef {"layer-norm" | "side-by-side" | "embedding" | "attention-weights" | "unit-length" | "softmax" | "lstm" |
 *   "gru" | "reparametrised" | "reconstruction" | "density-of-draw" | "mixture-density"} HandKind
 */

/**
 * An index, as a sum of numbers times letters; a number alone has no letter.
 * @typedef {[number: number, letter: string][]} Index
 * @typedef {{ name: string, indices: Index[] }} Access
 */

/**
 * A layer as one line of index notation: letters that are not in the output are summed over, as far as their sizes
 * go; or as steps on each number.
 * @typedef {object} LineDeclaration
 * @property {string} line as written, such as "y[o] = W[o,i] * x[i] + b[o]"
 * @property {"sum" | "mean" | "root" | "max"} operation
 * @property {Access} output
 * @property {Access[]} factors the last is what the layer sees
 * @property {Access | null} bias
 * @property {Record<string, number>} sizes of the letters
 */

/**
 * @typedef {[operation: string, symbol: string, words: string, operand: number | string, at: string]} Pointwise
 * @typedef {LineDeclaration | { steps: Pointwise[] }} Declaration
 */

/**
 * @typedef {object} LayerFacts
 * @property {string} name
 * @property {string} kind
 * @property {string} words what it does, for people
 * @property {string} chinese the same in Chinese
 * @property {string[]} takes names of the layers whose values it takes; "inputs" for what the model is given
 * @property {string[]} weights names of its tensors
 * @property {Settings} settings
 * @property {Shape} shape of what it gives
 * @property {Declaration | null} declaration the layer as Python declares it; null of kinds by hand
 * @property {number | null} dropout probability with which training zeroes each number that it takes; null: none does
 * @property {number | null} norm length of the gradient at the layer
 * @property {number | null} disagreement of it by hand and by autograd, as a share of its largest entry
 */

/** @typedef {LayerFacts & { hidden: false }} Layer */
/** @typedef {LayerFacts & { hidden: true }} HiddenLayer a line of the network that holds no numbers to look at */

/**
 * Where an array lies among the numbers of the page.
 * @typedef {{ at: number, shape: Shape, kept?: number[] }} Place
 */

/**
 * A unit that was opened beforehand; `at` names its long parts among the numbers of the page.
 * @typedef {object} ChosenUnit
 * @property {Unit} unit
 * @property {number} value by hand
 * @property {number} network the network's own value
 * @property {number} magnitude
 * @property {Step[]} steps
 * @property {{ name: string, shape: Shape, bias: number, at: string }[]} weighings
 * @property {{ at: string, shape: Shape, winner: number, source: Unit } | null} choice
 */

/**
 * The page's data document: all that Python writes of the network but the numbers.
 * @typedef {object} PageData
 * @property {(Layer | HiddenLayer)[]} layers in the order of computation
 * @property {Shape} inputs shape of what the model is given
 * @property {Record<string, Shape>} given shapes of what it is given besides that, such as noise
 * @property {number[]} ids of the tokens; none where an image is explained
 * @property {string[]} tokens
 * @property {Record<string, Place>} places
 * @property {string[]} classes
 * @property {"class" | "ordered" | "labels" | "number" | "image"} answer what the model answers or makes
 * @property {string} output name of the layer that the loss is of
 * @property {string[]} answers names of the layers after it
 * @property {number | number[] | null} against class of the loss, or of several labels 1 for those that are
 *   present, 0 for those absent and -1 for those not known; null where the model predicts a number or makes images
 * @property {string[]} unseeing layers that see nothing of the input, such as those of a generator
 * @property {Record<string, number>} terms layers whose numbers add up to the loss, each with its factor; none
 *   where the loss is of the output
 * @property {string[]} learnt names of the weights that are learnt
 * @property {Record<string, ChosenUnit[]>} chosen by layer, where the page does not hold all numbers
 * @property {{ name: string, centred: boolean, pieceOf?: number[] }[]} drivers scores to be drawn; centred: around
 *   zero; pieceOf: the piece of a text that each token belongs to
 */

/**
 * Everything in which opened answers of one kind differ from those of others.
 * @typedef {object} OpenedAnswer
 * @property {(outputs: number[], against: PageData["against"]) => number} loss of the network's outputs
 * @property {(layer: Layer, unit: Unit, powers: number[] | null) => Element[]} probabilities shown with a unit of the
 *   answer; powers: of its softmax, where it is one
 */

/**
 * What a layer hands back to those it takes values from.
 * @typedef {object} Passing
 * @property {Layer} layer
 * @property {Floats} above gradient of what the layer gave
 * @property {Whole[]} sources what it took
 * @property {Numbers[]} weights
 * @property {Floats} made what it gave
 * @property {FloatsKind} Kind
 * @property {(of: string, shape: number[], data: Floats) => void} keep a gradient inside the layer
 */

/**
 * A network that was run.
 * @typedef {object} Run
 * @property {(Layer | HiddenLayer)[]} layers
 * @property {Map<string, Whole>} values of the layers, and what the network was given
 * @property {(name: string) => Numbers | null} weights
 * @property {FloatsKind} Kind of the gradients
 */

/** @typedef {[words: string, number: number]} Step of a calculation */

/**
 * A weight: the name of its tensor, and its index.
 * @typedef {[name: string, index: number[]]} Weight
 */

/**
 * A weighed sum: what a unit sees, times its weights.
 * @typedef {object} Weighing
 * @property {string} name of the gate; empty where there is one sum alone
 * @property {Floats} patch what is seen
 * @property {Floats} weights
 * @property {Shape} shape of both
 * @property {number} bias
 * @property {Float64Array} products
 * @property {number[]} sums of the products, by channel
 * @property {number} sum
 * @property {number} value sum and bias
 * @property {number} magnitude sum of the sizes of bias and products
 * @property {string[] | null} names of what is seen, where an index says too little
 * @property {[seen: string, weight: string]} columns what both factors of a product are called
 * @property {((at: number) => Weight) | null} weightAt the weight at a place; null: none is learnt
 * @property {((at: number) => [layer: string, unit: Unit]) | null} seenAt the unit that is seen at a place, perhaps beyond
 *   the edge of its layer; null where it is no unit of a layer
 */

/**
 * The window of a pool.
 * @typedef {{ data: Floats, shape: Shape }} Window
 * @typedef {Window & { winner: number, source: Unit }} Choice its largest number, and where that is from
 */

/**
 * One step of a recurrent unit.
 * @typedef {object} CellStep
 * @property {number[]} gates
 * @property {number} kept of what was before
 * @property {number} added
 * @property {number} memory of an LSTM, else the state
 * @property {number} state
 */

/** @typedef {CellStep & { former: number }} PastStep with the memory before it */

/**
 * A unit computed by hand.
 * @typedef {object} OpenedUnit
 * @property {Weighing[]} weighings
 * @property {Step[]} steps
 * @property {number} value
 * @property {number} magnitude of what was added up, against which rounding is judged
 * @property {Choice | null} choice
 * @property {{ x: number, y: number, height: (x: number) => number } | null} curve of an activation
 * @property {number[] | null} powers of a softmax
 * @property {PastStep[] | null} history of a recurrent unit
 * @property {number | null} network the network's own value, where it is known without the layer's
 */

/**
 * The density of latent variables under a mixture.
 * @typedef {object} Mixture
 * @property {{ k: number, logShare: number, squares: number, spreads: number, joint: number,
 *   magnitude: number }[]} components
 * @property {number} constant
 * @property {number} sum logarithm of the density
 * @property {number[]} shares of the components in it
 */

/** @typedef {OpenedUnit & { network: number, difference: number }} ComparedUnit with the network's */

/**
 * The gradient of a weight by the chain rule: of every term the gradient above and the number seen.
 * @typedef {{ above: number[], seen: number[], at: (place: number) => string }} Terms
 */

/**
 * The gradient of a weight in three ways; null where the page lacks what is needed.
 * @typedef {object} ThreeWays
 * @property {number | null} weight
 * @property {Terms | null} terms
 * @property {number | null} byHand
 * @property {number | null} byAutograd
 * @property {number | null} byDifference
 * @property {number | null} step by which the weight was moved
 * @property {number | null} relativeError
 */

/** @typedef {{ name: string, index: number[], by: number }} MovedWeight */

/** @typedef {[red: number, green: number, blue: number]} Colour */

/**
 * From numbers to colours; signed numbers are centred on zero.
 * @typedef {{ low: number, high: number, signed: boolean, colour: (number: number) => Colour }} Scale
 */

/**
 * How the numbers of a layer are laid out, in pixels.
 * @typedef {object} Layout
 * @property {Pair} cell width and height of one number
 * @property {number} width
 * @property {number} height
 * @property {(unit: Unit) => Pair} spot where a number is drawn
 * @property {(x: number, y: number) => Unit | null} unit which number is drawn there
 */

/** @typedef {"forward" | "backward" | "bound" | "drove" | "play"} View */

/**
 * The chosen layer, its pinned unit, and the weight that was asked for; without an index, the loudest.
 * @typedef {{ layer: Layer, unit: Unit, weight: [name: string, index: number[] | null] | null }} Pinned
 */

export {};
