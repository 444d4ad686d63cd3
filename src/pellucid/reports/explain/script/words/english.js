// Every sentence of the explain page's script in English, by its key; {names} are filled in.
//
// A sentence is whole: no part of one is glued to another, since other languages have other orders. Where a number
// decides between singular and plural, each has its own key.

export const ENGLISH_MESSAGES = {
  // What the pinned unit sees.
  seesNothing: "This unit sees nothing of the given image.",
  seesPixels:
    "This unit sees rows {top} to {bottom}, columns {left} to {right}.",
  seesTokens: "This unit sees tokens {low} to {high}.",
  seesText: "This unit sees the whole text.",
  // The numbers of a layer.
  hovered: "unit {unit}: {number}",
  hoveredOfTokens: "unit {unit}, query {query}, key {key}: {number}",
  notInPage: "not in the page",
  inputs: "the input",
  numbered: "{words} #{number}",
  neuronTitle: "The unit as a neuron: what goes in, and where its number goes",
  opensUnit: "opens unit {unit} of {layer}",
  layerTitle: "{words} ({name})",
  noGradientReaches: "No gradient reaches this layer.",
  numbersNotHeld: "The page does not hold these numbers.",
  valuesLaidOut:
    "What the layer gives: {layout}. Move over the units to see what each of them sees; a click, or the arrow keys, open one.",
  gradientsLaidOut:
    "The gradient of the loss: {layout}. A click, or the arrow keys, open one of them.",
  partHeld: "Held by the page: {kept} of {all}; the others are grey.",
  unitTitle: "Unit {unit}",
  unitOfClass: "Unit {unit}: {name}",
  unitChosen: "unit {unit}: {verdict}",
  axisUnit: "unit",
  axisPlace: "place",
  axisChannel: "channel",
  axisRow: "row",
  axisColumn: "column",
  axisHead: "head",
  axisQuery: "query token",
  axisKey: "key token",
  copied: "copied",
  copy: "Copy",
  asText: "As text",
  selected: "selected; copy it with the keyboard",
  layoutOfHeads:
    "a map for each of {count} heads, query tokens as rows, key tokens as columns",
  layoutOfOneMap: "one map of {rows}\u00d7{columns} numbers",
  layoutOfMaps: "{count} maps of {rows}\u00d7{columns} numbers",
  layoutOfText: "{count} places of the text (rows) with {numbers} numbers each",
  layoutOfAttention:
    "{count} places of the text (rows) with {numbers} numbers each, {each} of each head side by side",
  layoutOfPatches:
    "{count} maps of {rows}\u00d7{columns} patches, one for each channel, learnt tokens above the patches",
  layoutOfOne: "1 number",
  layoutOfNumbers: "{count} numbers",
  // The window of a unit, which slides over what the layer takes.
  windowTitle: "The window of a unit",
  windowBefore: "map {channel} of {source}",
  windowBeforeText: "{source}: a row for each token",
  windowOwn: "map {channel} of this layer",
  windowOwnText: "this layer: a row for each place",
  windowWords:
    "Unit {unit} sees rows {top} to {bottom}, columns {left} to {right} of this map and gives {number}.",
  windowWordsText: "Unit {unit} sees \u201c{tokens}\u201d and gives {number}.",
  windowSlide: "Slide the window over the map",
  windowStop: "Stop",
  // A recurrent layer, unrolled.
  unrolledTitle: "Unrolled over the text",
  unrolledWords:
    "It is the same layer at every step, with the same weights: it reads one token and its own state of the step before, and gives the next state. The colour says how far the state moves (length of the change). Choose a step to open it.",
  unrolledStep: "step {step}: {token}, the state moves by {move}",
  unrolledLabel: "steps of the layer over the text",
  // Dropout before a layer.
  dropoutTitle: "Dropout before this layer, in training alone",
  dropoutWords:
    "In training each number that this layer takes was set to 0 with probability {probability}, drawn anew at every step, and the others were divided by {kept}. An answer uses all of them: here dropout does nothing and has no layer.",
  dropoutExample:
    "One mask, drawn as training draws it, on the numbers of this input: {dropped} of {count} are dropped (crossed out). It is an example, not a part of this answer.",
  dropoutAgain: "Draw another mask",
  dropoutLabel:
    "an example of a dropout mask: {dropped} of {count} numbers are dropped",
  // N-grams that won the maximum over the text.
  winnersTitle: "The n-gram that won, for each of {count} filters",
  winnersLabel: "winning n-grams",
  columnFilter: "filter",
  columnLargest: "largest",
  columnAt: "at",
  columnGram: "n-gram",
  // The weights of a unit as images.
  kernelsLabel: "kernels",
  kernelsTitle: "Kernels of filter {at} of {count}",
  kernelsImage: "kernels of filter {at}, one for each of {channels} channels",
  kernelsOfTokens:
    "Weights of filter {at} of {count}: a row for each neighbouring token",
  kernelsOfTokensImage:
    "weights of filter {at}, a row for each of {kernel} neighbouring tokens",
  weightsAsMap: "Weights of unit {at} of {count}, laid out as the map it sees",
  weightsAsMaps:
    "Weights of unit {at} of {count}, laid out as the {maps} maps it sees",
  weightsAsMapsImage: "weights of unit {at} as {maps} maps",
  kernelsLaid:
    "Kernels laid on map {at} of {count}, one for each of {inputs} maps below",
  // The arithmetic of a unit.
  gradientOf: "gradient of {name}[{index}]",
  restProducts: "{count} smaller products",
  columnProduct: "product",
  productsLabel: "products",
  channelSum: "channel {channel}: {sum}",
  channelBySum: "Channel, by its sum: ",
  seen: "seen",
  kernel: "kernel",
  products: "products",
  sumOfChannel: "sum of channel {channel}: {sum}",
  largestProducts: "The largest products",
  sumAndBias: "sum of {count} products {sum} + bias {bias} = {value}",
  wholeText: "the whole text",
  largestOnce:
    "The largest of {count} numbers is at {place} of {source}. No weights can choose a largest number: taking the maximum is not a convolution.",
  largestTimes:
    "The largest of {count} numbers, which is reached {times} times, is first at {place} of {source}. No weights can choose a largest number: taking the maximum is not a convolution.",
  largestOnceText:
    "The largest of {count} numbers is at {place} of {source}, which sees \u201c{tokens}\u201d. No weights can choose a largest number: taking the maximum is not a convolution.",
  largestTimesText:
    "The largest of {count} numbers, which is reached {times} times, is first at {place} of {source}, which sees \u201c{tokens}\u201d. No weights can choose a largest number: taking the maximum is not a convolution.",
  windowCaption: "the window",
  windowLabel: "window",
  curveAt: "{kind} at {x} is {y}",
  columnClass: "class",
  columnExponential: "exponential",
  columnShare: "share",
  exponentialsLabel: "exponentials",
  columnLabel: "label",
  columnProbability: "probability",
  labelsLabel: "labels",
  gatesTitle:
    "This unit over the whole text: its gates, and what each step adds",
  gatesLabel: "gates over the text",
  columnStep: "step",
  columnToken: "token",
  keptOfMemory: "kept of the memory: f \u00d7 before",
  addedToMemory: "added to the memory: i \u00d7 g",
  keptOfState: "kept of the state: z \u00d7 before",
  addedToState: "added to the state: (1 \u2212 z) \u00d7 g",
  memory: "memory",
  state: "state",
  headWeights:
    "Head {head}, query of token {query}: its weights over all tokens, which add up to 1. The key of token {key} has {weight}.",
  headWeightsOfPatches:
    "Head {head}, query of the {query}: its weights over all tokens, which add up to 1. The key of the {key} has {weight}.",
  classToken: "class token",
  register: "register {number}",
  patch: "patch ({row}, {column})",
  looksTitle: "What is attended to from the {query}, by head",
  looksWords:
    "The brighter a patch, the larger its weight; each picture has its own brightest. A click on a patch looks from there.",
  lookOfHead: "head {head}: {share}\u00a0% on patches",
  lookLabel: "layer {layer}, head {head}: most on {key}, {weight}",
  weightsAsNumbers: "The weights as numbers",
  largestWeights: "The weights as numbers (the {shown} largest of {count})",
  columnWeight: "weight",
  tokenWeightsLabel: "weights of the tokens",
  opensInPython:
    "This number is not in the page: the network is too large for all of them to fit. In Python, {call} opens any unit.",
  unitsThatOpen: "Units of this layer that the page can open: ",
  verdict: "network says {network}, by hand {value}, difference {difference}",
  verdictWrong:
    "network says {network}, by hand {value}, difference {difference}: more than rounding explains",
  meanIsConvolution:
    "A mean is a convolution whose weights are all equal and never learnt.",
  copiedTitle: "{layer} ({words}), unit {unit}",
  copiedRest: "and {count} smaller products",
  copiedSum: "sum {sum} + bias {bias} = {value}",
  copiedLargest: "largest of {count} numbers, at {place} of what is pooled",
  // The gradient at a layer, at a unit and of a weight.
  gradientLength: "Length of the gradient at this layer: {norm}.",
  gradientLengthChecked:
    "Length of the gradient at this layer: {norm}. By hand and by autograd it is the same to {share} of its largest entry.",
  noGradientHere:
    "There is no gradient here: the loss does not depend on it, or it does not fit into the page.",
  gradientStays:
    "Gradient of the loss at this number: {gradient}. If the number grew by a little, the loss would stay as it is.",
  gradientGrows:
    "Gradient of the loss at this number: {gradient}. If the number grew by a little, the loss would grow by {size} times as much.",
  gradientFalls:
    "Gradient of the loss at this number: {gradient}. If the number grew by a little, the loss would fall by {size} times as much.",
  passesOn:
    "By the chain rule it passes on, to each number it saw, itself times the weight, and to each weight itself times the number seen:",
  passesToWinner:
    "All of it goes to the winner at {place}; the other numbers of the window get nothing.",
  passesBySlope: "passed on: {above} \u00d7 slope {slope} = {product}",
  columnToSeen: "to the number seen",
  columnToWeight: "to the weight",
  chainLabel: "chain rule",
  restTerms: "{count} smaller terms",
  sumOfTerms: "sum: the gradient of this weight",
  columnUsed: "where it is used",
  columnGradientThere: "gradient there",
  columnTimesSeen: "\u00d7 number seen",
  columnTerm: "= term",
  termsLabel: "terms of the chain rule",
  byHand: "by hand: the sum above, in this page",
  byAutograd: "by autograd (PyTorch)",
  byDifference: "by central difference, in this page",
  relativeError: "relative error",
  weightTitle: "One weight: {name}[{index}]",
  weightChoice:
    "Any weight of this layer can be chosen: by its numbers below, or by a click on it among the products of a unit.",
  weightsField: "Weights ",
  weightNotHeld: "The page does not hold this weight.",
  weightIs: "The weight is {weight}.",
  usedNowhere:
    "It is not used on this input; by the chain rule its gradient is the sum, over the places where it is used, of the gradient there times the number that it meets.",
  usedOnce:
    "It is used once; by the chain rule its gradient is the gradient there times the number that it meets.",
  usedOften:
    "It is used at {count} places; by the chain rule its gradient is the sum, over these, of the gradient there times the number that it meets.",
  differenceStep:
    "For the difference this page computed the network from this layer on twice, with the weight moved by {step} to either side.",
  weightInPython:
    "Not all of it fits into the page. In Python, {call} gives all three.",
  axisFilter: "filter",
  axisInput: "input",
  axisNumber: "number",
  axisToken: "token",
  axisId: "id",
  axisPrior: "prior",
  axisComponent: "component",
  axisGates: "row of gates",
  // The steps of a calculation.
  columnKey: "key",
  columnQuery: "query",
  columnValue: "value",
  stepMean: "mean",
  stepVariance: "variance",
  stepDeviation: "deviation",
  stepScale: "scale",
  stepShift: "shift",
  stepShortcut: "shortcut",
  stepSlope: "slope there",
  stepFunction: "{name} of x",
  stepCopied: "the number at {place}",
  stepCopiedFrom: "the number at {place} of {name}",
  stepVector: "number {number} of the vector of \u201c{token}\u201d (id {id})",
  stepScore: "s: query times key \u00f7 \u221a{size}",
  stepPower: "e to the power of {letter} \u2212 {most}",
  stepPowersOfTokens: "sum of these powers over all {count} tokens",
  stepPowersOfClasses: "sum of these powers over all {count} classes",
  stepShare: "the one divided by the sum",
  gateInput: "input gate i",
  gateForget: "forget gate f",
  gateCandidate: "candidate g",
  gateOutput: "output gate o",
  gateReset: "reset gate r",
  gateUpdate: "update gate z",
  gateFromPlace: "{gate}, from the place",
  gateFromStates: "{gate}, from the states before",
  gateAfterTanh: "{gate}, after tanh",
  gateAfterSigmoid: "{gate}, after the sigmoid",
  stateBefore: "state before",
  stateOfGru: "state h: (1 \u2212 z) \u00d7 g + z \u00d7 state before",
  memoryBefore: "memory before",
  memoryOfLstm: "memory s: f \u00d7 memory before + i \u00d7 g",
  stateOfLstm: "state h: o \u00d7 tanh(s)",
  latentMean: "mean \u03bc",
  latentLogVariance: "log variance \u03bb",
  latentDeviation: "deviation \u03c3 = e to the power of \u03bb / 2",
  latentNoise: "noise \u03b5",
  greyLevels: "grey levels D",
  greyVariance: "variance v of a grey level",
  greyErrors: "sum of (rebuilt \u2212 given)\u00b2 over all of them",
  greyNoise: "+ D / 12, the noise within one grey level",
  reconstructionSum: "reconstruction: the sum of these two, in nats",
  noiseSquares: "sum of the squares of the noise \u03b5",
  logVarianceSum: "sum of the log variances \u03bb",
  latentConstant: "{count} latent variables \u00d7 ln 2 \u03c0",
  densityOfDraw: "ln q(z|x) = \u2212 half of the sum of these three, in nats",
  priorComponent:
    "component {component}: ln {share} \u2212 ({squares} + {spreads} + {constant}) / 2",
  densityOfPrior:
    "ln p(z|y) = ln of the sum of e to the power of these, in nats",
  useOfUnit: "unit {unit}",
  useAtStep: "step {step} \u201c{token}\u201d",
  normMean: "\u2212 mean {mean} of the {count} numbers",
  normVariance: "\u00f7 \u221a(variance {variance} + {epsilon})",
  normScale: "\u00d7 scale {scale}",
  normShift: "+ shift {shift}",
  normLength: "\u00f7 length {length} of the vector",
};
