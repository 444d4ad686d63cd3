// What a network answers: the loss that gradients are of, and how the probabilities are shown that come of its
// outputs, by the kind of answer that the page declares.
import { largest, need } from "./arrays.js";
import { cell, element, headOf, rowHead, scrolling, shown } from "./dom.js";
import { FUNCTIONS } from "./functions.js";
import { pageData } from "./page_data.js";
import { sumOf } from "./shares.js";
import { layerValue } from "./values.js";
import { message } from "./words/message.js";
/** @import { Layer, OpenedAnswer, PageData, Unit } from "./types.js" */

const SHOWN_CLASSES = 20;

// One class of each input.

/** @type {OpenedAnswer} */
const openedClass = {
  // Cross-entropy against a class.
  loss(outputs, against) {
    const most = Math.max(...outputs);
    const total = outputs.reduce((sum, z) => sum + Math.exp(z - most), 0);
    return Math.log(total) + most - outputs[/** @type {number} */ (against)];
  },
  probabilities: (_layer, _unit, powers) => (powers ? [softmaxView(powers)] : []),
};

/** @param {number[]} powers */
function softmaxView(powers) {
  const total = sumOf(powers);
  const rows = largest(powers, SHOWN_CLASSES).map((at) =>
    element(
      "tr",
      {},
      rowHead(pageData.classes[at]),
      cell(shown(powers[at])),
      cell(shown(powers[at] / total)),
    ),
  );
  const head = headOf([message("columnClass"), message("columnExponential"), message("columnShare")]);
  return scrolling(message("exponentialsLabel"), element("table", {}, head, element("tbody", {}, ...rows)));
}

// Any number of labels of each input.

/** @type {OpenedAnswer} */
const openedLabels = {
  // The mean over the labels that are known, of which a logit of the right sign costs little.
  loss(outputs, against) {
    const states = /** @type {number[]} */ (against);
    const known = [...outputs.keys()].filter((label) => states[label] >= 0);
    const losses = known.map((label) =>
      FUNCTIONS.softplus(states[label] ? -outputs[label] : outputs[label], {}),
    );
    return sumOf(losses) / known.length;
  },
  probabilities: (layer, unit) => [labelsView(layer, unit)],
};

/**
 * The probability of each of several labels, the most probable first, that of the unit in bold.
 * @param {Layer} layer @param {Unit} unit
 */
function labelsView(layer, [unit]) {
  const logits = need(layerValue(layer.takes[0])).data;
  const probabilities = Array.from(logits, (logit) => FUNCTIONS.sigmoid(logit, {}));
  const rows = largest(probabilities, SHOWN_CLASSES).map((at) => {
    const name = pageData.classes[at];
    const head = rowHead(at === unit ? element("strong", {}, name) : name);
    return element("tr", {}, head, cell(shown(logits[at])), cell(shown(probabilities[at])));
  });
  const head = headOf([message("columnLabel"), "x", message("columnProbability")]);
  return scrolling(message("labelsLabel"), element("table", {}, head, element("tbody", {}, ...rows)));
}

// A number of each input; images that are made are judged by terms, which the page names.

/** @type {OpenedAnswer} */
const openedNumber = { loss: ([number]) => number, probabilities: () => [] };

/** @type {Record<PageData["answer"], OpenedAnswer>} */
const OPENED_ANSWERS = {
  class: openedClass,
  ordered: openedLabels,
  labels: openedLabels,
  number: openedNumber,
  image: openedNumber,
};

/** What the model of the page answers. */
export const openedAnswer = OPENED_ANSWERS[pageData.answer];
