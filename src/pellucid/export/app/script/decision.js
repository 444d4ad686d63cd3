// What an answer is, and how it is shown and explained, by the kind of answer that the page declares.
import { button, element, shown } from "../../../reports/explain/script/dom.js";
import { sigmoid, softmaxOf } from "../../../reports/explain/script/shares.js";
import { app } from "./app.js";
import { say } from "./words/language.js";
/** @import { Answer, App, Decision, Leaf } from "./types.js" */

// Names and digits.

/** Classes that are named at the top of the page, and labels as the answer. */
const MOST_NAMED = 12;

/** Most digits behind the point of a probability. */
const MOST_DIGITS = 9;

/** A probability below which digits say nothing to anybody. */
const LEAST_SHOWN = 0.001;

/** A probability, with enough digits that one just below 1 does not read as 1. @param {number} probability */
export function digits(probability) {
  let places = 3;
  while (probability < 1 && places < MOST_DIGITS && Number(probability.toFixed(places)) === 1) places += 1;
  return probability.toFixed(places);
}

/** The first of some classes by their names. @param {number[]} positions @param {string} between two names */
export function joinedNames(positions, between) {
  const names = positions.slice(0, MOST_NAMED).map((at) => app.classes[at]);
  return names.join(between) + (positions.length > MOST_NAMED ? " \u2026" : "");
}

/** Probability from which on a label is answered. @param {number} at */
const leastOf = (at) => /** @type {number} */ (app.least[at]);

/** @param {number[]} said @param {number[]} among positions */
const mostOf = (said, among) => among.reduce((most, at) => (said[at] > said[most] ? at : most));

/** Positions of all classes, those answered first, and then the most probable. @param {number[]} said */
function sorted(said) {
  const answers = new Set(decision.decided(said));
  return [...said.keys()].sort(
    (one, other) => Number(answers.has(other)) - Number(answers.has(one)) || said[other] - said[one],
  );
}

/** What the server says, as probabilities in the order of the classes. @param {Record<string, any>} found */
const served = ({ probabilities }) => app.classes.map((name) => probabilities[name]);

/** Probabilities of what was there to learn, 0 of all others. @param {ArrayLike<number>} shares @param {number[]} learnt @param {number} outputs */
function spread(shares, learnt, outputs) {
  const said = new Array(outputs).fill(0);
  learnt.forEach((of, at) => {
    said[of] = shares[at];
  });
  return said;
}

/** What the leaves of all trees say of one class, on average. @param {Leaf[]} leaves @param {number} best */
function meanOf(leaves, best) {
  const parts = leaves.flat().filter(({ entry }) => entry === best);
  return { mean: shown(parts.reduce((total, { content }) => total + content, 0) / leaves.length, 4) };
}

// One class of each input.

/** The class of most examples in a leaf. @param {Leaf} leaf */
const speaksFor = (leaf) => leaf.reduce((most, each) => (each.content > most.content ? each : most)).entry;

/** @type {Decision} */
const ofClass = {
  decided(said) {
    const at = app.least.findIndex((least) => least !== null);
    if (at >= 0) return [said[at] >= leastOf(at) ? at : 1 - at];
    return [said.indexOf(Math.max(...said))];
  },
  explained: (said) => ofClass.decided(said)[0],
  against: (_, own) => own,
  isChosen: true,
  probability: (said) => said[ofClass.decided(said)[0]],
  sorted,
  served,
  said: (outputs, temperature) => Array.from(softmaxOf(outputs.map((output) => output / temperature))),
  tempered(said, temperature) {
    if (temperature === 1) return said;
    const most = Math.max(...said);
    const powers = said.map((probability) => (probability / most) ** (1 / temperature));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  },
  scored: (scores, learnt, outputs) => spread(softmaxOf(scores), learnt, outputs),
  columns: (outputs) => outputs,
  output: (best) => best,
  wholeOf: (leaf) => leaf.reduce((sum, { content }) => sum + content, 0),
  hasPairs: true,
  // The part of a score that the softmax looks at, as on the explain page.
  above: (values, own) =>
    values[own] - (values.length > 1 ? values.reduce((sum, each) => sum + each, 0) / values.length : 0),
  text: (said) =>
    say("answerIs", {
      label: app.classes[ofClass.decided(said)[0]],
      probability: digits(said[ofClass.decided(said)[0]]),
    }),
  notes: () => [[], []],
  rowOf: () => ({}),
  nameOf: (at) => [element("span", { class: "foreign" }, app.classes[at])],
  barOf: (_, bar) => bar,
  more: () => [],
  trees: (leaves, best) => ({ votes: leaves.filter((leaf) => speaksFor(leaf) === best).length }),
  leaf: (leaf) => ({
    parts: leaf.map(({ entry, content }) => `${app.classes[entry]} (${content})`).join(", ") || "\u2013",
  }),
  words: {
    linear: "linearSum",
    kernel: "kernelVotes",
    forest: "forestVotes",
    leaf: "leafHolds",
    terms: "termsSum",
    members: "membersSum",
    tempered: "membersTempered",
    others: "more",
    facts: "classes",
    loss: "lossOfClass",
  },
};

// Any number of labels of each input.

/** The label that people want to see explained; null of none. @type {{ label: number | null }} */
const chosen = { label: null };

/** @type {Decision} */
const ofLabels = {
  decided: (said) => [...said.keys()].filter((at) => said[at] >= leastOf(at)),
  explained(said) {
    const answers = ofLabels.decided(said);
    return chosen.label ?? mostOf(said, answers.length ? answers : [...said.keys()]);
  },
  isChosen: false,
  against(said) {
    const answers = ofLabels.decided(said);
    return [...said.keys()].map((at) => Number(answers.includes(at)));
  },
  probability(said) {
    const answers = ofLabels.decided(said);
    return said.reduce((product, each, at) => product * (answers.includes(at) ? each : 1 - each), 1);
  },
  sorted,
  served,
  said: (outputs, temperature) => Array.from(outputs, (output) => sigmoid(output / temperature)),
  tempered(said, temperature) {
    if (temperature === 1) return said;
    return said.map((probability) => {
      const larger = Math.max(probability, 1 - probability);
      const [present, absent] = [probability, 1 - probability].map(
        (each) => (each / larger) ** (1 / temperature),
      );
      return present / (present + absent);
    });
  },
  scored: (scores, learnt, outputs) => spread(Array.from(scores, sigmoid), learnt, outputs),
  columns: (outputs) => outputs,
  output: (best) => best,
  wholeOf: () => 1,
  hasPairs: false,
  above: (values, own) => values[own],
  text(said) {
    const answers = ofLabels.decided(said);
    return answers.length ? joinedNames(answers, say("between")) : say("noLabel");
  },
  notes(said, isExplained) {
    const all = /** @type {number} */ (ofLabels.probability?.(said));
    const probability = all < LEAST_SHOWN ? `< ${LEAST_SHOWN}` : digits(all);
    const note = (/** @type {string} */ text) => element("p", { class: "quiet" }, text);
    return [[note(say("allRight", { probability }))], [note(say(isExplained ? "marksChoose" : "marks"))]];
  },
  rowOf: (isAnswered) => /** @type {Record<string, string>} */ (isAnswered ? { class: "answered" } : {}),
  nameOf(at, said, again) {
    const name = app.classes[at];
    const isAnswered = said[at] >= leastOf(at);
    const state = isAnswered ? [element("span", { class: "hidden" }, say("isAnswered"))] : [];
    if (!again) return [element("span", { class: "foreign" }, name), ...state];
    const isShown = at === ofLabels.explained(said);
    const choice = button({ class: "number-button foreign", "aria-pressed": String(isShown) }, name, () => {
      chosen.label = at;
      again();
    });
    return [choice, ...state];
  },
  barOf(at, bar) {
    const mark = element("span", { class: "least" });
    mark.style.setProperty("--share", String(leastOf(at)));
    return element("span", { class: "track" }, bar, mark);
  },
  more: (at) => [element("td", { class: "from" }, say("answeredFrom", { least: shown(leastOf(at), 2) }))],
  trees: meanOf,
  leaf: (leaf) => ({
    parts:
      leaf.map(({ entry, content }) => `${app.classes[entry]} (${shown(content, 3)})`).join(", ") || "\u2013",
  }),
  words: {
    linear: "linearLabel",
    kernel: "kernelLabel",
    forest: "forestLabel",
    leaf: "leafShares",
    terms: "termsLabel",
    members: "membersSum",
    tempered: "membersTempered",
    others: "moreLabels",
    facts: "labels",
    loss: "lossOfLabels",
  },
};

// One of several ordered classes of each input: outputs say of each but the last how probable a higher one is.

/** Least probability of a class before division by the sum, as in Python. */
const LEAST_OF_CLASS = 1e-4;

/** Probability of each class by those of a higher one. @param {number[]} above */
function ofQuestions(above) {
  const higher = [1, ...above, 0];
  const shares = higher.slice(1).map((each, at) => Math.max(higher[at] - each, LEAST_OF_CLASS));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

/** @type {Decision} */
const ofOrdered = {
  ...ofClass,
  said: (outputs, temperature) => ofClass.tempered(ofQuestions(Array.from(outputs, sigmoid)), temperature),
  isChosen: false,
  against: (said) => said.slice(1).map((_, at) => Number(at < ofClass.decided(said)[0])),
  scored: ofLabels.scored,
  columns: ofQuestions,
  // That of the class being reached, or left behind where it is the lowest.
  output: (best) => Math.max(0, best - 1),
  wholeOf: ofLabels.wholeOf,
  hasPairs: false,
  above: ofLabels.above,
  words: { ...ofClass.words, terms: "termsOrdered", loss: "lossOfOrdered" },
};

// A number of each input.

/** @type {Decision} */
const ofNumber = {
  ...ofLabels,
  decided: () => [],
  explained: () => 0,
  against: () => null,
  probability: null,
  sorted: () => [],
  served: ({ label }) => [Number(label)],
  said: (outputs) => Array.from(outputs.slice(0, 1)),
  tempered: (said) => said.slice(0, 1),
  scored: (scores) => Array.from(scores),
  text: (said) => say("numberIs", { number: shown(said[0], 4) }),
  leaf: (leaf) => ({ number: shown(leaf[0].content, 4) }),
  words: {
    ...ofLabels.words,
    linear: "linearNumber",
    kernel: "kernelNumber",
    forest: "forestNumber",
    leaf: "leafNumber",
    terms: "linearNumber",
    members: "membersNumber",
    tempered: null,
    facts: null,
    loss: "lossOfNumber",
  },
};

/** @type {Record<App["answer"], Decision>} */
const DECISIONS = { class: ofClass, ordered: ofOrdered, labels: ofLabels, number: ofNumber };

/** The decision of the model. */
export const decision = DECISIONS[app.answer];

/**
 * What is answered, in words as in a file of answers: the class, or labels joined by semicolons.
 * @param {number[]} said
 */
export const labelOf = (said) =>
  decision
    .decided(said)
    .map((at) => app.classes[at])
    .join(";");

// How far an answer is to be relied on.

/** Largest error of a setting that an answer passes to be called confident. */
const CONFIDENT = 0.05;

/** @param {Answer} answer */
export const looksForeign = ({ novelty }) =>
  novelty !== null && app.novelty !== null && novelty > 1 - app.novelty.rate;

/**
 * The smallest error of the settings of `--max-error` that answer this input; null where none does.
 * @param {Answer} answer
 */
export function passedError(answer) {
  if (looksForeign(answer) || !decision.probability) return null;
  const trusted = Math.fround(decision.probability(answer.said));
  const passed = app.abstention.filter(([, least]) => least !== null && trusted >= least);
  return passed.length ? Math.min(...passed.map(([error]) => error)) : null;
}

/**
 * How far an answer is to be relied on; of numbers only whether the input is unfamiliar.
 * @param {Answer} answer @returns {"statusForeign" | "statusConfident" | "statusUncertain" | null}
 */
export function statusOf(answer) {
  if (looksForeign(answer)) return "statusForeign";
  if (!decision.probability) return null;
  return (passedError(answer) ?? 1) <= CONFIDENT ? "statusConfident" : "statusUncertain";
}
