// From an input to an answer: probabilities or a number, novelty, and how far it is to be relied on.
import { need } from "../../../../reports/explain/script/data/missing.js";
import { told } from "../../../../reports/explain/script/data/told.js";
import { runNetwork } from "../engine/network.js";
import { app } from "../facts/app.js";
import { noveltyOf } from "./novelty.js";
import { softmaxOf } from "./probabilities.js";
/** @import { Whole } from "../../../../reports/explain/script/types.js" */
/** @import { Answer } from "../types.js" */

/** Largest error of a setting that an answer passes to be called confident. */
const CONFIDENT = 0.05;

/**
 * The answer about one input, from all its views, and the value of every layer for the first of them.
 * @param {Whole[]} views
 * @returns {Answer & { values: Map<string, Whole> }}
 */
export function answered(views) {
  const values = runNetwork(views[0]);
  const outputs = Float64Array.from(need(values.get(told.output)).data);
  for (const view of views.slice(1)) {
    const others = need(runNetwork(view).get(told.output)).data;
    for (let at = 0; at < outputs.length; at += 1) outputs[at] += others[at];
  }
  const mean = outputs.map((sum) => sum / views.length);
  const said = app.classes.length
    ? softmaxOf(mean.map((logit) => logit / app.temperature))
    : mean.slice(0, 1);
  const novelty = app.novelty && noveltyOf(app.novelty, need(values.get(app.hidden)).data);
  return { said: Array.from(said), novelty, values };
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
