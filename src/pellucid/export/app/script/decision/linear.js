// A linear model opened: what each feature adds to the score, as a table and, where features lie on the input, a map.
import { largest } from "../../../../reports/explain/script/data/arrays.js";
import { element } from "../../../../reports/explain/script/dom/element.js";
import { shown } from "../../../../reports/explain/script/dom/numbers.js";
import { paintPixels } from "../../../../reports/explain/script/drawing/paint.js";
import { centredScale, legend } from "../../../../reports/explain/script/drawing/scales.js";
import { linearFor } from "../classical/predictors.js";
import { app } from "../facts/app.js";
import { say } from "../words/language.js";
import { MOST_ROWS, sentence, tableOfRows } from "./tables.js";
/** @import { Whole } from "../../../../reports/explain/script/types.js" */
/** @import { Features } from "../types.js" */
/** @import { Decided } from "./decision.js" */

/**
 * @param {Features} features
 * @param {number} best position of the class that is answered; of numbers 0
 * @param {Decided} decided
 */
export function openedLinear({ columns, values }, best, { arrayOf, nameOf, mapOf }) {
  const { bias, weightOf } = linearFor(arrayOf, best);
  const weights = columns.map(weightOf);
  const adds = Float64Array.from(weights, (weight, at) => weight * values[at]);
  const parts = {
    count: adds.length,
    bias: shown(bias, 4),
    sum: shown(
      adds.reduce((total, added) => total + added, bias),
      4,
    ),
    label: app.classes.length ? app.classes[best] : "",
  };
  return [
    sentence(app.classes.length ? "linearSum" : "linearNumber", parts),
    ...(mapOf ? drawnOnPlaces(mapOf(adds)) : []),
    tableOfRows(
      "linearTable",
      ["columnFeature", "columnValue", "columnOfClass", "columnAdds"],
      largest(adds, MOST_ROWS).map((at) => [
        nameOf(columns[at]),
        ...[values[at], weights[at], adds[at]].map((number) => shown(number, 4)),
      ]),
    ),
  ];
}

/** @param {Whole} sums of places */
function drawnOnPlaces({ shape: [rows, columns], data }) {
  const scale = centredScale(Math.max(...data.map(Math.abs)));
  const canvas = element("canvas", { class: "adds", role: "img", "aria-label": say("linearMap") });
  paintPixels(canvas, [rows, columns], data, scale);
  return [element("p", { class: "quiet" }, say("linearMap")), canvas, legend(scale)];
}
