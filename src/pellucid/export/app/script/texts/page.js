// The text that is shown: its tokens, its words in colours, and what each of them adds.
import { need } from "../../../../reports/explain/script/arrays.js";
import { byId, cell, element, shown } from "../../../../reports/explain/script/dom.js";
import { current } from "../../../../reports/explain/script/views.js";
import { pageData, shapeOf } from "../../../../reports/explain/script/page_data.js";
import { actions } from "../../../../reports/explain/script/unit_views.js";
import { app, arraysOf } from "../app.js";
import { linearFor } from "../classical.js";
import { decision } from "../decision.js";
import { say } from "../words/language.js";
import { FIRST, withoutJoints } from "./grams.js";
import { showLosses } from "./highlight.js";
import { answeredText, fitShapes, lossesOf, piecesOfText, readText } from "./reading.js";
/** @import { Found, ReaderFacts, ReadText } from "./types.js" */

// The text that is shown now: what the layers of the page speak of, whatever else is answered meanwhile.

/** @type {{ read: ReadText | null }} */
const now = { read: null };

export const shownText = () => now.read;

/** The encoder of the network whose layers are opened; null without a network. */
const encoderShown = () => /** @type {ReaderFacts} */ (app.bodies[app.opened].input).encoder;

/** Make the layers those of a text. @param {ReadText} read */
export function showRead(read) {
  now.read = read;
  const { found, cut } = read.readings[app.opened];
  byId("cut").hidden = !cut;
  byId("cut").textContent = cut ? say("cutNote", { count: encoderShown()?.length ?? 0 }) : "";
  if (!encoderShown()) return;
  pageData.ids = found.map(({ id }) => id);
  pageData.tokens = found.map((each) => tokenOf(read.text, each));
  fitShapes(pageData.layers, found.length);
  sayShapes();
  byId("tokens").replaceChildren(...pageData.tokens.flatMap((token, place) => [spanOf(token, place), " "]));
}

/** Sizes that Python wrote for a text of another length are those of this one; costs of that one go. */
function sayShapes() {
  document.querySelectorAll("[data-by-size]").forEach((part) => part.remove());
  for (const { name, takes } of pageData.layers) {
    const inputs = takes.map((source) => shapeOf(source).join("\u00d7")).join(", ");
    for (const [what, text] of [
      ["in", inputs],
      ["out", shapeOf(name).join("\u00d7")],
    ]) {
      const parts = document.querySelectorAll(`[data-${what}="${CSS.escape(name)}"]`);
      parts.forEach((part) => part.replaceChildren(text));
    }
  }
}

/** Make the layers those of the text that is shown, once another one was answered. */
export function showAgain() {
  if (now.read && encoderShown()) fitShapes(pageData.layers, now.read.readings[app.opened].found.length);
}

/**
 * A part of the text; of a mark before or behind it, which is in no text, the mark's name.
 * @param {string} text @param {Found} found
 */
function tokenOf(text, { id, start, end }) {
  const encoder = encoderShown();
  if (start < end || !encoder || !("entries" in encoder) || id < FIRST) return text.slice(start, end);
  return encoder.entries[id - FIRST];
}

/** @param {string} token @param {number} place */
function spanOf(token, place) {
  const span = element("span", {}, token || say("unknownToken"));
  span.onclick = () => {
    const { pinned } = current;
    if (pinned && pinned.layer.shape.length === 2) actions.pinUnit([place, pinned.unit[1]]);
  };
  return span;
}

// The text with its words in colours: how far the answer falls when each is left out.

/** Milliseconds without a change after which words are left out. */
const PAUSE = 200;

/** @type {{ asked: number, timer: ReturnType<typeof setTimeout> | undefined }} */
const waiting = { asked: 0, timer: undefined };

/**
 * Colour the words of a text, once nothing has changed for a moment.
 * @param {ReadText} read @param {(start: number, end: number) => void} choose a word that was clicked
 */
export function driveSoon(read, choose) {
  waiting.asked += 1;
  const own = waiting.asked;
  clearTimeout(waiting.timer);
  if (app.members.every(({ predictor }) => predictor?.kind === "constant")) return;
  waiting.timer = setTimeout(() => void drive(read, () => own === waiting.asked, choose), PAUSE);
}

/** Nothing is to be coloured any more. */
export function driveNothing() {
  waiting.asked += 1;
  byId("drove").hidden = true;
}

/**
 * @param {ReadText} read @param {() => boolean} isWanted @param {(start: number, end: number) => void} choose
 */
async function drive({ text }, isWanted, choose) {
  const began = performance.now();
  const score = scoreOf(text);
  const pieces = piecesOfText(text, Math.max(1, performance.now() - began));
  byId("drove").hidden = pieces.length === 0;
  byId("highlight").replaceChildren(text);
  byId("drove-legend").replaceChildren();
  const losses = await lossesOf(text, pieces, score, {
    isWanted,
    showAgain(done) {
      showAgain();
      byId("drove-state").textContent = say("droveWorking", { done, count: pieces.length });
    },
  });
  if (!losses) return;
  showLosses(text, pieces, losses, choose);
  byId("drove-state").textContent = "";
}

/**
 * What is compared: the probability of the class or label that is explained, or the number.
 * @param {string} text @returns {(said: number[]) => number}
 */
function scoreOf(text) {
  const { said } = answeredText(readText(text));
  showAgain();
  const best = decision.explained(said);
  return (other) => other[best];
}

// What each word of a text adds to the score of the class that is answered, by a linear model.

const MOST_TERMS = 30;

/**
 * The products of weights in the text and weights for the class, the largest first; with the bias they add up to
 * the score.
 * @param {ReadText} read
 */
export function showTerms(read) {
  const [{ features }] = read.readings;
  const { terms: known } = /** @type {ReaderFacts} */ (app.bodies[0].input);
  if (!document.getElementById("term-rows") || !features || !known) return;
  const { said } = answeredText(read);
  const best = decision.explained(said);
  const { bias, weightOf } = linearFor(arraysOf(need(app.members[0].predictor)), best);
  const terms = known.terms.flat();
  const { columns, values } = features;
  const rows = columns
    .map((column, at) => ({ term: terms[column], value: values[at], weight: weightOf(column) }))
    .sort((one, other) => Math.abs(other.value * other.weight) - Math.abs(one.value * one.weight));
  const sum = rows.reduce((total, { value, weight }) => total + value * weight, bias);
  byId("terms-sum").textContent = say(decision.words.terms, {
    count: rows.length,
    bias: shown(bias, 4),
    sum: shown(sum, 4),
    label: app.classes[best] ?? "",
  });
  byId("term-rows").replaceChildren(
    ...rows
      .slice(0, MOST_TERMS)
      .map(({ term, value, weight }) =>
        element(
          "tr",
          {},
          element("th", { scope: "row", class: "foreign term" }, withoutJoints(term)),
          ...[value, weight, value * weight].map((number) => cell(shown(number, 4))),
        ),
      ),
  );
}
