// How a classical model comes to its answer, for the input that is shown.
import { byId } from "../../../../reports/explain/script/dom/element.js";
import { app } from "../facts/app.js";
import { openedForest } from "./forest.js";
import { openedKernel } from "./kernel.js";
import { openedLinear } from "./linear.js";
/** @import { FeatureWords, Features, OpenedAnswer } from "../types.js" */

/** @type {Record<string, (features: Features, best: number, words: FeatureWords | undefined) => Node[]>} */
const OPENED = { linear: openedLinear, kernel: openedKernel, forest: openedForest };

/**
 * @param {OpenedAnswer} answer
 * @param {FeatureWords | undefined} words
 */
export function showDecision({ said, seen }, words) {
  if (!seen || !app.input.predictor.opened) return;
  const best = app.classes.length ? said.indexOf(Math.max(...said)) : 0;
  byId("decision").hidden = false;
  byId("decided").replaceChildren(...OPENED[app.input.predictor.kind](seen, best, words));
}
