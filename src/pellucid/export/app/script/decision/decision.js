// How each classical model among the members comes to what it says, for the input that is shown.
import { byId, element } from "../../../../reports/explain/script/dom/element.js";
import { arraysOf } from "../answering/answer.js";
import { app } from "../facts/app.js";
import { openedForest } from "./forest.js";
import { openedKernel } from "./kernel.js";
import { openedLinear } from "./linear.js";
import { namesOf } from "./naming.js";
/** @import { Arrays, Body, FeatureWords, Features, OpenedAnswer } from "../types.js" */
/** @import { ColumnNamer } from "./naming.js" */

/**
 * What is needed to open a classical model beside the features that it saw.
 * @typedef {object} Decided
 * @property {Arrays} arrayOf
 * @property {ColumnNamer} nameOf
 * @property {FeatureWords["mapOf"]} mapOf
 */

/** @type {Record<string, (features: Features, best: number, decided: Decided) => Node[]>} */
const OPENED = { linear: openedLinear, kernel: openedKernel, forest: openedForest };

/**
 * @param {OpenedAnswer} answer
 * @param {(body: Body) => FeatureWords | undefined} wordsOf
 */
export function showDecision({ said, parts }, wordsOf) {
  const best = app.classes.length ? said.indexOf(Math.max(...said)) : 0;
  const opened = app.members.flatMap(({ name, body, predictor }, place) => {
    if (!predictor?.opened) return [];
    const arrayOf = arraysOf(predictor);
    // Of a class that this member has never seen it has no score.
    const learnt = predictor.kind === "forest" ? null : Array.from(arrayOf("classes").data);
    if (app.classes.length && learnt && !learnt.includes(best)) return [];
    const words = app.bodies[body].hidden ? undefined : wordsOf(app.bodies[body]);
    const decided = { arrayOf, nameOf: namesOf(body, words), mapOf: words?.mapOf };
    const nodes = OPENED[predictor.kind](parts[place].seen, best, decided);
    return app.members.length === 1 ? nodes : [element("h3", { class: "foreign" }, name), ...nodes];
  });
  if (!opened.length) return;
  byId("decision").hidden = false;
  byId("decided").replaceChildren(...opened);
}
