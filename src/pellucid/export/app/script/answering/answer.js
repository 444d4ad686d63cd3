// From an input to an answer: probabilities or a number, novelty, and how far it is to be relied on.
//
// A model has one member, an average several. What members see of an input, the last hidden layer of a network or
// features, is computed once for all that see the same; each then says something, and the weighted mean is the answer.
import { need } from "../../../../reports/explain/script/data/missing.js";
import { stored } from "../../../../reports/explain/script/data/stored.js";
import { predicted, tempered } from "../classical/predictors.js";
import { layersOf, runNetwork } from "../engine/network.js";
import { app } from "../facts/app.js";
import { noveltyOf, noveltyOfSignals } from "./novelty.js";
import { softmaxOf } from "./probabilities.js";
/** @import { Whole } from "../../../../reports/explain/script/types.js" */
/** @import { Answer, Arrays, Body, Eyes, Features, Member, OpenedAnswer, Predictor } from "../types.js" */

/** @typedef {{ features: Features, values: Map<string, Whole> }} Look what a body sees of an input */

/** Largest error of a setting that an answer passes to be called confident. */
const CONFIDENT = 0.05;

/**
 * Arrays of a predictor, by their names.
 * @param {Predictor} predictor
 * @returns {Arrays}
 */
export const arraysOf = (predictor) => (name) => need(stored(predictor.arrays + name));

/**
 * Numbers that stand in all columns.
 * @param {ArrayLike<number>} values
 * @returns {Features}
 */
export const inAllColumns = (values) => ({ columns: Array.from(values, (_, at) => at), values });

/**
 * The answer about one input, what each member says, and the value of every layer that is opened.
 * @template Ready
 * @param {Eyes<Ready>} eyes
 * @param {Ready} ready
 * @returns {OpenedAnswer}
 */
export function answered(eyes, ready) {
  const looks = app.bodies.map((body) => lookedAt(eyes, ready, body));
  const parts = app.members.map((member) => ({
    said: saidBy(eyes, ready, member, looks[member.body]),
    seen: looks[member.body].features,
  }));
  const mean = parts[0].said.map((_, at) =>
    parts.reduce((sum, { said }, place) => sum + app.members[place].share * said[at], 0),
  );
  const said = app.classes.length ? tempered(mean, app.temperature) : mean;
  // The detector looks at what the member of the most weight sees, which is the first.
  const { features } = looks[0];
  const signals = app.bodies[0].hidden ? undefined : eyes.signals;
  const novelty =
    app.novelty && (signals ? noveltyOfSignals(signals(features)) : noveltyOf(app.novelty, features.values));
  return { said, novelty, values: looks[app.opened].values, parts };
}

/**
 * @template Ready
 * @param {Eyes<Ready>} eyes
 * @param {Ready} ready
 * @param {Body} body
 * @returns {Look}
 */
function lookedAt(eyes, ready, body) {
  if (!body.hidden) return { features: eyes.seen(ready, body), values: new Map() };
  const values = runNetwork(eyes.inputs(ready, body, false), layersOf(body));
  const { data } = need(values.get(body.hidden));
  return { features: inAllColumns(data), values };
}

/**
 * Probabilities, or the one number predicted.
 * @template Ready
 * @param {Eyes<Ready>} eyes
 * @param {Ready} ready
 * @param {Member} member
 * @param {Look} look
 * @returns {number[]}
 */
function saidBy(eyes, ready, { predictor, mirror, temperature, body }, { features, values }) {
  if (predictor) {
    const said = predicted(predictor, features, arraysOf(predictor));
    return app.classes.length ? tempered(said, temperature) : said.slice(0, 1);
  }
  const below = app.bodies[body];
  let outputs = Float64Array.from(need(values.get(below.output)).data);
  if (mirror) {
    const others = need(runNetwork(eyes.inputs(ready, below, true), layersOf(below)).get(below.output)).data;
    outputs = outputs.map((output, at) => (output + others[at]) / 2);
  }
  if (!app.classes.length) return Array.from(outputs.slice(0, 1));
  return Array.from(softmaxOf(outputs.map((logit) => logit / temperature)));
}

/** @param {Answer} answer */
export const looksForeign = ({ novelty }) =>
  novelty !== null && app.novelty !== null && novelty > 1 - app.novelty.rate;

/**
 * The smallest error of the settings of `--max-error` that answer this input; null where none does.
 * @param {Answer} answer
 */
export function passedError(answer) {
  if (looksForeign(answer)) return null;
  const trusted = Math.fround(Math.max(...answer.said));
  const passed = app.abstention.filter(([, least]) => least !== null && trusted >= least);
  return passed.length ? Math.min(...passed.map(([error]) => error)) : null;
}

/**
 * How far an answer is to be relied on; of numbers only whether the input is unfamiliar.
 * @param {Answer} answer
 * @returns {"statusForeign" | "statusConfident" | "statusUncertain" | null}
 */
export function statusOf(answer) {
  if (looksForeign(answer)) return "statusForeign";
  if (!app.classes.length) return null;
  return (passedError(answer) ?? 1) <= CONFIDENT ? "statusConfident" : "statusUncertain";
}
