// From an input to an answer: probabilities or a number, novelty, and whether the model may answer at all.
import { need } from "../../../../reports/explain/script/data/missing.js";
import { told } from "../../../../reports/explain/script/data/told.js";
import { runNetwork } from "../engine/network.js";
import { app } from "../facts/app.js";
import { noveltyOf } from "./novelty.js";
import { softmaxOf } from "./probabilities.js";
/** @import { Whole } from "../../../../reports/explain/script/types.js" */
/** @import { Answer } from "../types.js" */

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

/**
 * Trust in an answer: its probability, less the more foreign the input looks.
 * @param {Answer} answer
 */
function trustOf({ said, novelty }) {
  const probability = Math.fround(Math.max(...said));
  if (novelty === null || !app.novelty) return probability;
  const share = (1 - Math.fround(novelty)) / app.novelty.rate;
  return probability * Math.min(1, Math.max(0, share));
}

/** @param {Answer} answer */
export const looksForeign = ({ novelty }) =>
  novelty !== null && app.novelty !== null && novelty > 1 - app.novelty.rate;

/**
 * Of the errors that can be promised, those at which the model does not answer this input.
 * @param {Answer} answer
 */
export const unanswered = (answer) =>
  app.abstention.filter(([, trust]) => trust === null || trustOf(answer) < trust).map(([error]) => error);
