// What Python writes of the model besides its layers.
import { need } from "../../../reports/explain/script/arrays.js";
import { byId } from "../../../reports/explain/script/dom.js";
import { pageData, stored } from "../../../reports/explain/script/page_data.js";
/** @import { HiddenLayer, Layer } from "../../../reports/explain/script/types.js" */
/** @import { Answer, App, Arrays, Body, Predictor } from "./types.js" */

/** @type {App} */
export const app = JSON.parse(byId("app").textContent);

/**
 * Positions of what is answered: the most probable class, or that of two which a threshold decides for; all labels
 * that are probable enough, if any; of numbers none.
 * @param {number[]} said
 */
export function decided(said) {
  if (app.several) return [...said.keys()].filter((at) => said[at] >= /** @type {number} */ (app.least[at]));
  const at = app.least.findIndex((least) => least !== null);
  if (at >= 0) return [said[at] >= /** @type {number} */ (app.least[at]) ? at : 1 - at];
  return app.classes.length ? [said.indexOf(Math.max(...said))] : [];
}

/**
 * What is answered, in words as in a file of answers: the class, or labels joined by semicolons.
 * @param {number[]} said
 */
export const labelOf = (said) =>
  decided(said)
    .map((at) => app.classes[at])
    .join(";");

/**
 * Probability that the class is right; of several labels that all are, were they independent of each other.
 * @param {number[]} said
 */
export function probabilityOf(said) {
  const answered = decided(said);
  if (!app.several) return said[answered[0]];
  return said.reduce((product, each, at) => product * (answered.includes(at) ? each : 1 - each), 1);
}

/** @type {{ label: number | null }} The one of several labels that people want to see explained; null of none */
export const chosen = { label: null };

/** Position of what is explained: the class that is answered, the chosen label or the most probable answered; of numbers 0. @param {number[]} said */
export function bestOf(said) {
  const answers = decided(said);
  if (!app.several) return answers[0] ?? 0;
  const able = answers.length ? answers : [...said.keys()];
  return chosen.label ?? able.reduce((most, at) => (said[at] > said[most] ? at : most));
}

/** Arrays of a predictor, by their names. @param {Predictor} predictor @returns {Arrays} */
export const arraysOf = (predictor) => (name) => need(stored(predictor.arrays + name));

/**
 * The layers of a body's network: those that the page opens, or those of another member.
 * @param {Body} body @returns {(Layer | HiddenLayer)[]}
 */
export const layersOf = (body) => body.layers ?? pageData.layers;

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
  if (looksForeign(answer)) return null;
  const trusted = Math.fround(probabilityOf(answer.said));
  const passed = app.abstention.filter(([, least]) => least !== null && trusted >= least);
  return passed.length ? Math.min(...passed.map(([error]) => error)) : null;
}

/**
 * How far an answer is to be relied on; of numbers only whether the input is unfamiliar.
 * @param {Answer} answer @returns {"statusForeign" | "statusConfident" | "statusUncertain" | null}
 */
export function statusOf(answer) {
  if (looksForeign(answer)) return "statusForeign";
  if (!app.classes.length) return null;
  return (passedError(answer) ?? 1) <= CONFIDENT ? "statusConfident" : "statusUncertain";
}
