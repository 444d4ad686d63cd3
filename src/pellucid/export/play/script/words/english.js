// Every string of the part that trains in English, by its key; {names} are filled in.

export const PLAY_ENGLISH = {
  language: "\u4e2d\u6587",
  skip: "Skip to the page",
  playTitle: "Train a network yourself",
  playLead:
    "A small network learns here, in this page, before your eyes: every number of it can be opened. Nothing leaves this device.",
  invite: "Choose what it learns, guess what will happen, and press Run.",
  playBeside:
    "This is a small network of its own, not the model of this page. It starts from random weights, and learns from examples of the same data. Nothing leaves this device.",
  dataTitle: "Data",
  networkTitle: "Network",
  learningTitle: "How it learns",
  resultsTitle: "What happens",
  pointsNote: "Points in two dimensions, of two classes, made from the seed.",
  "sample:fashion": "Clothes",
  "sample:spam": "E-mails",
  circles: "Circles",
  xor: "XOR",
  moons: "Two moons",
  spiral: "Spiral",
  noise: "Noise",
  model: "Network",
  depth: "Hidden layers or blocks",
  width: "Units or filters",
  kernel: "Kernel",
  activation: "Activation",
  dropout: "Dropout",
  loss: "Loss",
  optimiser: "Optimiser",
  rate: "Learning rate",
  batch: "Batch size",
  seed: "Seed",
  precision: "Arithmetic",
  perceptron: "perceptron",
  mlp: "multilayer perceptron",
  cnn: "convolutional network",
  bag: "bag of word embeddings",
  relu: "ReLU",
  "leaky-relu": "leaky ReLU",
  tanh: "tanh",
  sigmoid: "sigmoid",
  gelu: "GELU",
  "cross-entropy": "cross-entropy",
  "squared-error": "squared error",
  hinge: "hinge (multi-class margin)",
  "gradient-descent": "gradient descent",
  momentum: "momentum 0.9",
  adam: "Adam",
  float32: "single precision (Float32)",
  float64: "double precision (Float64)",
  dense: "dense",
  convolution: "convolution",
  pool: "max pooling",
  embedding: "mean of embeddings",
  weight: "weights",
  bias: "biases",
  run: "Run",
  pause: "Pause",
  oneStep: "One step by hand",
  again: "Start again from the same seed",
  check: "Check gradients",
  predictTitle: "Predict first",
  predictAsk:
    "What validation accuracy will it have after 5 epochs? Your guess:",
  fasterAsk:
    "With a learning rate ten times larger, the validation loss will then be \u2026",
  lower: "lower",
  alike: "about the same",
  higher: "higher, or no number",
  faster: "10 \u00d7 rate",
  fasterRight:
    "Ten times the rate: {came}, as you said. The loss is {faster} instead of {loss}.",
  fasterWrong:
    "Ten times the rate: {came}, where you said {guessed}. The loss is {faster} instead of {loss}.",
  fasterFailed:
    "Ten times the rate: the loss became no number, since every step overshot. You said {guessed}.",
  fasterFailedRight:
    "Ten times the rate: the loss became no number, since every step overshot, as you said.",
  predict: "Start, and compare",
  guessedWell:
    "You guessed {guessed}, and it reached {reached}: less than 2 points apart.",
  guessedLow:
    "You guessed {guessed}, and it reached {reached}: {points} points more. What made it easier than it looked?",
  guessedHigh:
    "You guessed {guessed}, and it reached {reached}: {points} points less. What holds it back?",
  stateIs: "Step {step}, epoch {epoch}; {speed} examples per second.",
  diverged:
    "The loss is no longer a number after step {step}: the weights grew without bound. Try a smaller learning rate, then start again.",
  lossTitle: "Loss",
  accuracyTitle: "Accuracy",
  train: "train",
  validation: "validation",
  chance: "most common",
  evenLoss: "even guess",
  epochs: "epochs",
  layersTitle: "The network, and what each layer makes of the chosen example",
  parameters: "{count} parameters",
  allParameters: "{count} parameters in all.",
  planeTitle: "What it answers all over the plane",
  planeHelp:
    "Dots are training examples. The ground shows the difference of the scores of both classes; white is where the network is undecided.",
  pinnedTitle: "One validation example",
  nextPoint: "Follow another point",
  pointOf:
    "Point {number} at ({place}), labelled {name}; a click on the plane follows another.",
  typeOwn: "Or type a text of your own:",
  exampleOf: "validation example {number}, labelled {name}",
  itsLabel: "its label",
  firstTitle: "Weights of the first layer",
  firstHelp:
    "A picture for each unit or filter; blue is negative, orange positive.",
  dead: "Dead units, which give 0 for every validation example (200 at most are tried):",
  noneDead:
    "No unit is dead: each gives something else than 0 for at least one validation example.",
  deadIn: "{count} of {all} in {layer}",
  stepTitle: "One step by hand",
  stepHelp:
    "One training example: forwards, its loss, backwards, and the update of one weight. The network has made this step.",
  stepOf: "labelled {name}",
  layer: "layer",
  shape: "shape",
  made: "value",
  gradientThere: "gradient of the loss",
  lossCross:
    "Probability: p({name}) = e^{own} / \u03a3 e^score = {power} / {sum} = {share}. Loss: L = \u2212ln {share} = {loss}.",
  lossSquared:
    "Loss: the mean over the classes of (score \u2212 target)\u00b2, where the target is 1 for {name}, whose score is {own}, and 0 for all others: L = {loss}.",
  lossHinge:
    "Loss: the mean over the classes of max(0, 1 \u2212 score of {name} + score of the other); the score of {name} is {own}: L = {loss}.",
  weightOf: "Weight of",
  weightIndex: "number (0 to {size} \u2212 1)",
  gradientIs:
    "Its gradient g = {gradient} is the sum of {count} products; the largest are:",
  gradientIsOne: "Its gradient g = {gradient} is one product:",
  above: "gradient above",
  seenThere: "input there",
  productOf: "product",
  updatePlain:
    "w \u2190 w \u2212 rate \u00d7 g = {before} \u2212 {rate} \u00d7 ({gradient}) = {after}",
  updateSpeed:
    "v \u2190 0.9 v + g = 0.9 \u00d7 ({old}) + ({gradient}) = {speed}",
  updateMomentum:
    "w \u2190 w \u2212 rate \u00d7 v = {before} \u2212 {rate} \u00d7 ({speed}) = {after}",
  updateFirst:
    "m \u2190 0.9 m + 0.1 g = 0.9 \u00d7 ({old}) + 0.1 \u00d7 ({gradient}) = {first}",
  updateSecond:
    "s \u2190 0.999 s + 0.001 g\u00b2 = 0.999 \u00d7 {old} + 0.001 \u00d7 ({gradient})\u00b2 = {second}",
  updateCorrected:
    "m\u0302 = m / (1 \u2212 0.9\u1d57) = {first}; s\u0302 = s / (1 \u2212 0.999\u1d57) = {second}, since both began at 0",
  updateAdam:
    "w \u2190 w \u2212 rate \u00d7 m\u0302 / (\u221as\u0302 + 10\u207b\u2078) = {before} \u2212 {rate} \u00d7 ({first}) / (\u221a{second} + 10\u207b\u2078) = {after}",
  checkTitle: "Gradients checked",
  checkWords:
    "{count} weights, on 8 training examples in double precision: by back-propagation, and by moving each weight by 0.00001 to either side. The largest relative error is {worst}.",
  weightPlace: "weight",
  byBackprop: "back-propagation",
  byDifference: "central difference",
  relativeError: "relative error",
  madeBy:
    "Made by Pellucid. One file, scripts of its own, no request to any server.",
};
