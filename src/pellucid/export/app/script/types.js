// The types of a page's own documents, and of a kind of input; the type checker alone reads this file.
/** @import { Name, Word } from "./words/language.js" */
/** @import { HiddenLayer, Layer, Numbers, Shape, Whole } from "../../../reports/explain/script/types.js" */

/**
 * Where a tensor lies among the weights, and the steps of its rows where it is in 16 bits: in bytes.
 * @typedef {{ at: number, shape: Shape, steps: number | null }} TensorPlace
 */

/**
 * What the page was opened with: its weights, and what others hear who wait for it.
 * @typedef {{ resolve: (page: object) => void, reject: (reason: Error) => void, weights: (tensors: Record<string,
 *   TensorPlace>) => Promise<Map<string, Whole>> }} Opening
 */

/**
 * @typedef {object} NoveltyFacts
 * @property {string} kind of the measure
 * @property {number} rate share of inputs like the training data that may count as foreign
 * @property {{ of_layer?: boolean }} settings
 */

/**
 * The page's document `app`: all that Python writes of the model besides its layers.
 * @typedef {object} App
 * @property {string} model
 * @property {string[]} classes as they are called in the data; none where a number is predicted
 * @property {"class" | "ordered" | "labels" | "number"} answer what an input has: one class, which may be of ordered ones, any
 *   number of labels, or a number
 * @property {(number | null)[]} least probability from which on each label is answered, or the one of two classes that
 *   has a threshold; nothing where the most probable class is
 * @property {number} temperature of the weighted mean of what the members say; 1 of a single one
 * @property {Member[]} members the models whose mean is the answer, that of the most weight first; mostly one
 * @property {Body[]} bodies what they see of an input, the first member's first
 * @property {number} opened which body's layers the page opens; without a network the first
 * @property {Record<string, any>} input what the kind of input needs
 * @property {NoveltyFacts | null} novelty
 * @property {[error: number, trust: number | null][]} abstention
 * @property {Record<string, TensorPlace>} tensors
 * @property {Example[]} examples to try the model on; the page opens on the first
 * @property {{ examples: number, difference: number, browser: string } | null} proof
 * @property {{ query: string, asks: boolean } | null} served how a server hands the page out: what addresses of its API
 *   end in, and whether it answers itself; null of a file
 */

/**
 * A model, or one of several whose weighted mean is the answer.
 * @typedef {object} Member
 * @property {string} name
 * @property {number} weight whole
 * @property {number} share its weight over that of all
 * @property {number} temperature
 * @property {boolean} mirror whether outputs are averaged with those for the mirror image
 * @property {number} body what it sees, which others may see as well
 * @property {Predictor | null} predictor of a classical model; null of a network
 */

/**
 * What members see of an input: the last hidden layer of a network, or features.
 * @typedef {object} Body
 * @property {string} hidden name of the value of the last hidden layer; empty without a network
 * @property {string} output name of what the network gives
 * @property {(Layer | HiddenLayer)[] | null} layers of its network; null of the one that the page opens
 * @property {Record<string, any>} input what the kind of input needs to make them
 */

/**
 * An answer.
 * @typedef {object} Answer
 * @property {number[]} said probabilities in the order of the classes, or the one number predicted
 * @property {number | null} novelty 0 to 1; null without a detector
 * @property {string} [warning] what a server left out of the input, such as all frames but the first
 */

/**
 * Numbers that differ from 0, and the column of each, ascending.
 * @typedef {{ columns: number[], values: ArrayLike<number> }} Features
 */

/**
 * A classical model; `opened` where the page shows how it comes to its answer, `arrays` what their names begin with.
 * @typedef {{ kind: "linear" | "forest" | "kernel" | "constant", outputs: number, opened: boolean, arrays: string }} Predictor
 */

/**
 * What a leaf holds: training examples by class, their share with each label, or the one number.
 * @typedef {{ entry: number, content: number }[]} Leaf
 */

/**
 * Everything in which pages differ by the kind of answer. Positions are those of classes, labels, or of the one number.
 * @typedef {object} Decision
 * @property {(said: number[]) => number[]} decided what is answered: the most probable class, or that of two which a
 *   threshold decides for; all labels that are probable enough, if any; of numbers none
 * @property {(said: number[]) => number} explained the class that is answered, the chosen label or the most probable
 *   answered
 * @property {(said: number[], own: number | null) => number | number[] | null} against what the loss is against: a
 *   class, all labels as they are answered, or nothing of a number
 * @property {boolean} isChosen whether people may choose the one class that the loss is against
 * @property {((said: number[]) => number) | null} probability that the class is right; that all labels are, were they
 *   independent of each other; null where there is none
 * @property {(said: number[]) => number[]} sorted what has a bar, in its order
 * @property {(found: Record<string, any>) => number[]} served what a server says
 * @property {(outputs: Float64Array, temperature: number) => number[]} said by a network of these outputs
 * @property {(said: number[], temperature: number) => number[]} tempered bolder, below 1, or more cautious, above 1
 * @property {(scores: ArrayLike<number>, learnt: number[], outputs: number) => number[]} scored what the scores of
 *   what there was to learn say
 * @property {(outputs: number[]) => number[]} columns what a predictor of these outputs says
 * @property {(leaf: Leaf) => number} wholeOf what contents of a leaf are shares of
 * @property {boolean} hasPairs whether a kernel machine decides between every pair of classes
 * @property {(values: number[], own: number) => number} above the part of one score that a linear model's answer is by
 * @property {(best: number) => number} output that is about a class or label, the position of its column
 * @property {(said: number[]) => string} text an answer in words
 * @property {(said: number[], isExplained: boolean) => [above: Node[], below: Node[]]} notes around the bars
 * @property {(isAnswered: boolean) => Record<string, string>} rowOf attributes of a bar's row
 * @property {(at: number, said: number[], again: (() => void) | null) => Node[]} nameOf a bar; `again` explains another
 * @property {(at: number, bar: HTMLElement) => HTMLElement} barOf with what belongs to it
 * @property {(at: number) => Node[]} more cells of its row
 * @property {(leaves: Leaf[], best: number) => Record<string, string | number>} trees what leaves of all say together
 * @property {(leaf: Leaf) => Record<string, string>} leaf what a single one says
 * @property {{
 *   linear: Word, kernel: Word, forest: Word, leaf: Word, terms: Word, members: Word, tempered: Word | null,
 *   others: Word, facts: Word | null, loss: Word,
 * }} words how each kind of model comes to its answer, the bars that are folded, and what there is to answer
 */

/** @typedef {(name: string) => Numbers} Arrays of a predictor, by their names */

/** @typedef {{ column: number, value: number, threshold: number, isYes: boolean }} Question of a tree, answered */

/**
 * An answer with the value of every layer that is opened, and of each member what it says and the features that it
 * saw.
 * @typedef {Answer & { values: Map<string, Whole>, parts: { said: number[], seen: Features }[] }} OpenedAnswer
 */

/**
 * How members see an input. `Ready` is whatever the kind of input needs of it.
 * @template Ready
 * @typedef {object} Eyes
 * @property {(ready: Ready, body: Body, isMirrored: boolean) => Whole} inputs of a network
 * @property {(ready: Ready, body: Body) => Features} seen without a network
 * @property {(features: Features) => number[]} [signals] of novelty, where they are not those of directions
 */

/** @typedef {File | Record<string, string>} Original as people hand it over, or as Python writes it for the proof */

/**
 * An input that the page holds, with its label; without a name it is a test example.
 * @typedef {{ original: Original, label: string, name?: string }} Example
 */

/** @typedef {{ name: Name, original: Original, example?: Example }} Named */

/**
 * What is particular to a kind of input on the page.
 * @template Ready
 * @typedef {object} OnPage
 * @property {(original: Original) => Promise<Ready>} read rejects with an `Error` in words where it cannot be read
 * @property {(ready: Ready) => void} show it where people gave it
 * @property {(original: Original, name: Name) => Node} preview of an example, small
 * @property {(page: PageActions<Ready>) => void} start give the area its clicks and keys
 */

/**
 * What a page that answers by itself needs of a kind of input.
 * @template Ready
 * @typedef {object} Opened
 * @property {(body: Body) => FeatureWords | undefined} words of features of the input itself
 * @property {(ready: Ready) => void} [answered] what is to be done once another input was answered
 * @property {(ready: Ready, answer: OpenedAnswer) => void} [pictured] draw the input small at the beginning of the
 *   overview, and what in it drove the answer
 */

/**
 * A kind of input: how an original becomes what members see.
 * @template Ready
 * @typedef {Eyes<Ready> & OnPage<Ready> & Opened<Ready>} InputKind
 */

/**
 * What answers inputs: the page by itself, or its server.
 * @template Ready @template {Answer} Given
 * @typedef {object} Way
 * @property {boolean} isExplained whether something below the bars explains a single label
 * @property {"opening" | "ready"} opens what is said before the first answer is possible
 * @property {() => Promise<void>} start make it possible
 * @property {(ready: Ready) => Given | Promise<Given>} answer rejects with an `Error` in words where there is none
 * @property {(answer: Given, ready: Ready, label: string | null) => void} show what is known of an answer beside its
 *   bars; `label`: of the example that it is of
 * @property {() => void} hide all of that
 * @property {(ready: Ready) => void} open what there is before anybody gave an input
 * @property {(ready: Ready) => number[]} [inputs] what a network takes of an input, which the proof compares
 */

/**
 * How features are shown: a name for each column and, where they lie on the input, what they add there.
 * @typedef {object} FeatureWords
 * @property {(column: number) => string} nameOf
 * @property {(adds: Float64Array) => Whole} [mapOf] from what each column adds to rows and columns of places
 */

/**
 * What the area of a kind of input can ask of the page.
 * @template Ready
 * @typedef {object} PageActions
 * @property {(originals: Named[]) => void} take answer originals:
 *   the first one is opened, several become a table
 * @property {(name: Name, ready: Ready) => void} changed answer and open an input that was changed by hand
 * @property {(ready: Ready) => void} opened open the layers alone, as they are before anybody gave an input
 */

/** @typedef {{ name: Name, label: string, probability: string, error: string, novelty: string }} Row of the table */

export {};
