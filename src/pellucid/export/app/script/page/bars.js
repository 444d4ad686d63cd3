// The answer in words and bars: the most probable classes, and one line on how far it is to be relied on.
import { byId, element } from "../../../../reports/explain/script/dom/element.js";
import { shown } from "../../../../reports/explain/script/dom/numbers.js";
import { looksForeign, passedError, statusOf } from "../answering/answer.js";
import { app } from "../facts/app.js";
import { say } from "../words/language.js";
/** @import { Answer } from "../types.js" */

/** Classes that are shown at once; the others are folded. */
const MOST = 5;

/** Most digits behind the point of a probability. */
const MOST_DIGITS = 9;

/**
 * A probability, with enough digits that one just below 1 does not read as 1.
 * @param {number} probability
 */
function digits(probability) {
  let places = 3;
  while (probability < 1 && places < MOST_DIGITS && Number(probability.toFixed(places)) === 1) places += 1;
  return probability.toFixed(places);
}

/** @param {number} share */
const percent = (share) => `${shown(100 * share, 3)} %`;

/**
 * The label of an answer: the most probable class, or the number.
 * @param {Answer} answer
 */
export function labelOf({ said }) {
  return app.classes.length ? app.classes[said.indexOf(Math.max(...said))] : shown(said[0], 4);
}

/**
 * @param {string} name of the input
 * @param {Answer & { milliseconds: number }} answer
 */
export function showAnswer(name, answer) {
  const label = labelOf(answer);
  const probability = digits(Math.max(...answer.said));
  byId("answer-of").textContent = name;
  byId("answer").textContent = app.classes.length
    ? say("answerIs", { label, probability })
    : say("numberIs", { number: label });
  byId("bars").replaceChildren(...(app.classes.length ? barsOf(answer) : []));
  const status = statusOf(answer);
  byId("status").hidden = status === null;
  byId("status").className = `status ${status ?? ""}`;
  byId("status").textContent = status && say(status);
  const known = sentences(answer);
  byId("basis").hidden = known.length === 0;
  byId("known").replaceChildren(...known.map((text) => element("p", {}, text)));
  byId("took").textContent = say("took", { milliseconds: Math.max(1, Math.round(answer.milliseconds)) });
}

/** @param {Answer} answer */
function barsOf({ said }) {
  const order = said.map((_, at) => at).sort((one, other) => said[other] - said[one]);
  const rows = order.map((at) => {
    const bar = element("span", { class: "bar" });
    bar.style.setProperty("--share", String(said[at]));
    const name = element("th", { scope: "row" }, element("span", { class: "foreign" }, app.classes[at]));
    return element("tr", {}, name, element("td", {}, bar, digits(said[at])));
  });
  const table = element("table", { class: "answers" }, element("tbody", {}, ...rows.slice(0, MOST)));
  if (rows.length <= MOST) return [table];
  const more = element("table", { class: "answers" }, element("tbody", {}, ...rows.slice(MOST)));
  const summary = element("summary", {}, say("more", { count: rows.length - MOST }));
  return [table, element("details", {}, summary, more)];
}

/**
 * What the status rests on: novelty, and the strictest setting that is passed. No promise speaks of a foreign input.
 * @param {Answer} answer
 */
function sentences(answer) {
  const said = [];
  if (answer.novelty !== null && app.novelty) {
    const parts = { novelty: answer.novelty.toFixed(3), threshold: shown(1 - app.novelty.rate, 3) };
    said.push(say(looksForeign(answer) ? "foreign" : "familiar", parts));
  }
  if (!app.classes.length || looksForeign(answer)) return said;
  const passed = passedError(answer);
  const errors = app.abstention.map(([error]) => percent(error)).join(", ");
  if (passed !== null) said.push(say("passes", { error: percent(passed) }));
  else said.push(errors ? say("passesNone", { errors }) : say("nothingPromised"));
  return said;
}
