// Every string of the page in English, by its key; {names} are filled in.

export const ENGLISH = {
  title: "{title} \u00b7 answers in your browser",
  skip: "Skip to the page",
  lead: "The whole model is in this file. Nothing that you give it leaves this device, and it needs no network.",
  language: "\u4e2d\u6587",
  opening: "Opening the weights \u2026",
  ready: "Ready.",
  failed: "This page could not be started: {reason}",
  proved:
    "Checked at export in {browser}: the same answers as the model on {examples} held-out originals, every label, and every probability within {difference}.",
  notProved:
    "Not compared with the model in a browser when this file was written; pellucid export does that where it finds one.",
  inputTitle: "Your image",
  dropHere: "Drop images here, paste one, or",
  choose: "Choose files",
  photograph: "Take a photo",
  camera: "Camera",
  cameraOff: "Stop the camera",
  cameraAsking: "Waiting for the camera; the browser may ask you to allow it.",
  cameraName: "camera",
  noCamera:
    "The camera cannot be used: there is none, another program uses it, or this page may not use it.",
  examplesHere: "Or try a test example, which the model did not learn from:",
  example: "test example {number}",
  exampleName: "test example {number}, labelled {label}",
  drawTitle: "What the model sees",
  drawHelp:
    "Draw on it, and everything follows. With the keyboard: arrow keys shift the image.",
  draw: "Draw",
  erase: "Erase",
  shift: "Shift",
  colour: "Colour",
  brightness: "Brightness",
  clear: "Clear",
  answerTitle: "The answer",
  classes: "Classifies into {count} classes: {names}.",
  labels: "Answers any number of {count} labels: {names}.",
  nothingYet: "No image yet: choose a file, or draw.",
  blank: "drawing",
  answerIs: "{label}, probability {probability}",
  noLabel: "None of these labels",
  allRight:
    "Probability that all labels are right, were they independent: {probability}.",
  between: ", ",
  isAnswered: " (answered)",
  answeredFrom: "from {least}",
  marks:
    "The mark on each bar is the probability from which on its label is answered.",
  marksChoose:
    "The mark on each bar is the probability from which on its label is answered. Choose a label: what follows explains it.",
  numberIs: "{number}",
  more: "The other {count} classes",
  moreLabels: "The other {count} labels",
  statusConfident: "Confident",
  statusUncertain: "Uncertain",
  statusForeign: "Unfamiliar input: do not rely on this answer",
  basisTitle: "How we know",
  familiar:
    "It looks like the training data: novelty {novelty}, where more than {threshold} is unfamiliar.",
  foreign:
    "It does not look like the training data: novelty {novelty}, where more than {threshold} is unfamiliar. No promise is about such inputs.",
  passes:
    "Passes the {error} setting of --max-error. That is a promise about the share of wrong answers among familiar inputs, not about this one.",
  passesNone:
    "Passes none of the settings of --max-error that are promised for this model ({errors}): it abstains.",
  nothingPromised: "No setting of --max-error is promised for this model.",
  took: "Answered in {milliseconds} ms.",
  unreadable: "{name}: this browser cannot read it as an image.",
  tableTitle: "All answers of this visit",
  download: "Download as CSV",
  columnLabel: "label",
  columnProbability: "probability",
  columnError: "error",
  columnNovelty: "novelty",
  working: "{done} of {all} answered",
  glassHelp:
    "Every layer, as it is for the input above. Choose a layer, then a unit: its arithmetic is opened.",
  mirrorNote:
    "The answer is the mean for the image and for its mirror image; the layers are those of the image as it is.",
  views: "Views of this input",
  viewForward: "Forward",
  viewBackward: "Backward",
  viewPlay: "Train it yourself",
  inviteToDraw:
    "Everything on this page follows your pen. Can you turn it into {label}?",
  inviteToWrite:
    "Everything on this page follows what you type. Can you turn it into {label}?",
  invitationReached: "Now it is {label} to the model.",
  lossTitle: "The loss",
  lossAgainst: "Against",
  againstOwn: "its label, else the answer",
  lossOfClass: "Cross-entropy of the logits against {label}: L = {loss}.",
  lossOfLabels:
    "Binary cross-entropy of the logits against the labels that are answered, their mean: L = {loss}.",
  lossOfOrdered:
    "Binary cross-entropy of the logits against the class that is answered, their mean: L = {loss}.",
  lossOfNumber:
    "The gradients are those of the predicted number itself, at the scale on which the network was trained: {loss}.",
  droveBy: "Explained by",
  gradCam: "Grad-CAM",
  integratedGradients: "Integrated gradients",
  inputGradient: "Input times gradient",
  occlusion: "Occlusion",
  droveUntested:
    "Computed here for the input above, for the class that is answered. Whether it is faithful was not tested on this input; pellucid explain tests it.",
  explainedTitle: "Tested in Python on the input that this page opened with",
  explainedAway: "These tests are about the input that the page opened with.",
  explainedAgain: "Show that input again",
  givenTitle: "Other images",
  givenTexts: "Other texts",
  cardTitle: "About this model",
  model: "model",
  cardTrained: "training data, examples",
  cardScore: "score on test examples it never saw",
  cardHeldOut:
    "score on examples held out from training, as the test is known from it",
  cardDate: "created",
  cardVersion: "version",
  cardParameters: "parameters",
  input: "input",
  cardModels: "Models that were trained beside it",
  columnScore: "score [95 % interval]",
  nothingTyped: "No text yet: type or paste one.",
  textTitle: "Your text",
  textHelp: "Type or paste a text; the answer follows as you type.",
  chooseTexts: "Many texts from a file",
  manyTexts:
    "A .txt file with a text on every line, or a .csv, .tsv or .jsonl with a column of texts; files can be dropped here too.",
  typed: "typed text",
  blankText: "holds no text",
  halfAPair: "holds half of a pair of surrogates, which is no text",
  cutNote:
    "The model reads the first {count} tokens of this text; what follows changes nothing.",
  droveTitle: "Why this answer",
  droveHelp:
    "Each word is left out in turn: orange where the answer falls without it, blue where it rises. A click selects a word, to be written anew.",
  droveWorking: "{done} of {count} left out, one after the other \u2026",
  readTitle: "As the network reads it",
  unknownToken: "(unknown)",
  termsTitle: "What each word adds",
  termsSum:
    "{count} terms and the bias {bias} add up to {sum}, the score of {label} above the mean of all classes.",
  termsOrdered:
    "{count} terms and the bias {bias} add up to {sum}: the more, the more probable are {label} and classes above it; of the lowest class, those above it alone.",
  termsLabel:
    "{count} terms and the bias {bias} add up to {sum}, the score of {label}.",
  columnTerm: "term",
  columnWeight: "weight in the text",
  columnOfClass: "weight for the class",
  columnAdds: "adds",
  membersTitle: "Models that it is the mean of",
  membersSum:
    "The answer is a weighted mean: the probability that each model gives {label}, times its share of the weights, adds up to {sum}.",
  membersNumber:
    "The answer is a weighted mean: what each model says, times its share of the weights, adds up to {sum}.",
  membersTempered:
    "At the temperature {temperature}, which was fitted on held-out examples, this becomes the probability {probability}.",
  layersOf: "Layers are those of {name}.",
  columnSays: "says",
  columnShare: "share of the weights",
  decisionTitle: "How the classical model decides",
  unitNumber: "unit {number}",
  pixelAt: "row {rows}, column {columns}{colour}",
  gradientAt:
    "gradients of {from} to {to}\u00b0 in rows {rows}, columns {columns}, block {block}",
  red: ", red",
  green: ", green",
  blue: ", blue",
  columnFeature: "feature",
  columnValue: "value",
  linearSum:
    "{count} products of a feature and its weight, and the bias {bias}, add up to {sum}, the score of {label} above the mean of all classes. Probabilities are the softmax of the scores of all classes at the model's temperature.",
  linearLabel:
    "{count} products of a feature and its weight, and the bias {bias}, add up to {sum}, the score of {label}. The probability of each label is the sigmoid of its own score at the model's temperature.",
  linearNumber:
    "{count} products of a feature and its weight, and the bias {bias}, add up to the number {sum}.",
  linearTable: "Largest contributions",
  linearMap:
    "What each place of the image adds to the score: orange speaks for the answer, blue against it.",
  kernelKept:
    "The model keeps {count} training examples, its support vectors, in a space of {space} directions. The kernel of an input and a support vector is exp(\u2212{gamma} d\u00b2), where d is the distance between both.",
  kernelVotes:
    "Each pair of classes is decided separately. The votes for {label} add up to {votes}; times {scale} that is its score {score}. Probabilities are the softmax of the scores of all classes at the model's temperature.",
  kernelPairs: "Decisions of the answer against each other class",
  kernelPair:
    "{label} against {other}, the decision that speaks least for it: the kernel similarity to each support vector of the two times its weight, and the bias {bias}, add up to {sum}.",
  kernelLabel:
    "The kernel similarity to each support vector times its weight, and the bias {bias}, add up to {sum}, the score of {label}. The probability of each label is the sigmoid of its own score at the model's temperature.",
  kernelNumber:
    "The kernel similarity to each support vector times its weight, and the bias {bias}, add up to the number {sum}.",
  kernelTable: "Support vectors that add most",
  columnAgainst: "against",
  columnDecision: "decision",
  columnVote: "vote",
  columnKept: "support vector",
  columnLikeness: "kernel",
  forestVotes:
    "Of {count} trees {votes} end in a leaf that speaks most for {label}. The answer is the mean of what all their leaves say, at the model's temperature.",
  forestLabel:
    "The share of training examples with {label}, in the leaves of {count} trees where the input ends, is {mean} on average. That is its probability, at the model's temperature.",
  forestNumber: "The answer is {mean}, the mean of what {count} trees say.",
  treeNumber: "The way through tree (0 is the first of {count})",
  treeTable: "Questions of the tree, one after the other",
  columnThreshold: "threshold",
  columnAtMost: "at most",
  yes: "yes",
  no: "no",
  leafHolds: "In the leaf at the end are training examples of {parts}.",
  leafShares:
    "In the leaf at the end are these shares of training examples with a label: {parts}.",
  leafNumber: "The leaf at the end says {number}.",
  madeBy:
    "Made by Pellucid. One file, one script of its own, no request to any server.",
  titleAsking: "{title} \u00b7 answers from its server",
  leadServed:
    "The whole model is in this page. Nothing that you give it leaves this device.",
  leadAsking: "Your input goes to this server, is answered, and is not stored.",
  reportLink: "Report of this model, in which labels can be corrected",
  modelsTitle: "Models",
  proofServed:
    "Computed in your browser from the model's weights in 16 bits; answers of /api/predict, in full precision, may differ from the third decimal on.",
  proofAsking: "Answered by the server exactly as pellucid predict answers.",
  madeByServed:
    "Made by Pellucid. One script of its own, no request to any other server.",
  serverGone: "The server does not answer. Is it still running?",
  serverBusy: "The server is busy; try again in a moment.",
  serverSlow: "The input took too long to reach the server; try again.",
  serverTooLarge: "This input is too large for the server ({reason}).",
  serverWrongKind: "The server does not take this kind of file ({reason}).",
  serverUnreadable: "The server cannot read this input ({reason}).",
  serverUnusable: "The server cannot answer this input ({reason}).",
  serverFailed: "The server refused it with status {status} ({reason}).",
  explain: "Show what drove it",
  explainLess: "Hide what drove it",
  droveAsking: "Asking the server \u2026",
  droveHelpImage:
    "Parts of the image are covered in turn with its mean colour: orange where the answer falls without them, blue where it rises.",
  lockedTitle: "This server asks for a token",
  lockedLead:
    "Whoever started it has the token. It is kept in this tab until the tab is closed, and sent to this server alone.",
  tokenLabel: "Token",
  unlock: "Open",
  wrongToken: "This is not the token of this server.",
  droveOf:
    "Probability of {label}: {score} for the whole input, {baseline} for nothing of it.",
  droveOfNumber:
    "Predicted for the whole input: {score}; for nothing of it: {baseline}.",
};
