// What each word of a text adds to the score of the class that is answered, by a linear model.
import { need } from "../../../../../../reports/explain/script/data/missing.js";
import { byId, element } from "../../../../../../reports/explain/script/dom/element.js";
import { shown } from "../../../../../../reports/explain/script/dom/numbers.js";
import { cell } from "../../../../../../reports/explain/script/dom/tables.js";
import { arraysOf } from "../../../answering/answer.js";
import { linearFor } from "../../../classical/predictors.js";
import { app } from "../../../facts/app.js";
import { say } from "../../../words/language.js";
import { answeredText } from "../model/answering.js";
/** @import { ReaderFacts, ReadText } from "../types.js" */

const MOST_TERMS = 30;

/**
 * The products of weights in the text and weights for the class, the largest first; with the bias they add up to
 * the score.
 * @param {ReadText} read
 */
export function showTerms(read) {
  const [{ features }] = read.readings;
  const { terms: told } = /** @type {ReaderFacts} */ (app.bodies[0].input);
  if (!document.getElementById("term-rows") || !features || !told) return;
  const { said } = answeredText(read);
  const best = app.classes.length ? said.indexOf(Math.max(...said)) : 0;
  const { bias, weightOf } = linearFor(arraysOf(need(app.members[0].predictor)), best);
  const terms = told.terms.flat();
  const { columns, values } = features;
  const rows = columns
    .map((column, at) => ({ term: terms[column], value: values[at], weight: weightOf(column) }))
    .sort((one, other) => Math.abs(other.value * other.weight) - Math.abs(one.value * one.weight));
  const sum = rows.reduce((total, { value, weight }) => total + value * weight, bias);
  byId("terms-sum").textContent = say(app.classes.length ? "termsSum" : "linearNumber", {
    count: rows.length,
    bias: shown(bias, 4),
    sum: shown(sum, 4),
    label: app.classes.length ? app.classes[best] : "",
  });
  byId("term-rows").replaceChildren(
    ...rows
      .slice(0, MOST_TERMS)
      .map(({ term, value, weight }) =>
        element(
          "tr",
          {},
          element("th", { scope: "row", class: "foreign term" }, term),
          ...[value, weight, value * weight].map((number) => cell(shown(number, 4))),
        ),
      ),
  );
}
