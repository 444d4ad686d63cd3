// The text with its words in colours: how far the answer falls when each is left out.
import { byId, element } from "../../../../../../reports/explain/script/dom/element.js";
import { shown } from "../../../../../../reports/explain/script/dom/numbers.js";
import { app } from "../../../facts/app.js";
import { say } from "../../../words/language.js";
import { answeredText } from "../model/answering.js";
import { lossesOf, piecesOfText } from "../model/driving.js";
import { readText } from "../model/reading.js";
import { showAgain } from "./shown.js";
/** @import { Pair } from "../../../../../../reports/explain/script/types.js" */
/** @import { ReadText } from "../types.js" */

/** Milliseconds without a change after which words are left out. */
const PAUSE = 200;

/** @type {{ asked: number, timer: ReturnType<typeof setTimeout> | undefined }} */
const waiting = { asked: 0, timer: undefined };

/**
 * Colour the words of a text, once nothing has changed for a moment.
 * @param {ReadText} read
 * @param {(start: number, end: number) => void} choose a word that was clicked
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
 * @param {ReadText} read
 * @param {() => boolean} isWanted
 * @param {(start: number, end: number) => void} choose
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
  const most = Math.max(...losses.map(Math.abs)) || 1;
  const parts = coloured(text, pieces, choose, (span, at) => {
    span.style.background = shadeOf(losses[at] / most);
    span.title = shown(losses[at], 3);
  });
  byId("highlight").replaceChildren(...parts);
  byId("drove-legend").replaceChildren(shown(-most, 3), rampOf(), shown(most, 3));
  byId("drove-state").textContent = "";
}

/** What stands behind a word that matters most: so much of a colour that text is legible in both themes. */
const STRONGEST = 0.6;

/**
 * Orange for what speaks for the answer, blue for what speaks against it, the stronger the more.
 * @param {number} share -1 to 1
 */
const shadeOf = (share) =>
  `rgb(${share > 0 ? "214 98 20" : "43 121 185"} / ${(STRONGEST * Math.abs(share)).toFixed(3)})`;

function rampOf() {
  const ramp = element("span", { class: "ramp" });
  ramp.style.background = `linear-gradient(to right, ${[-1, 0, 1].map(shadeOf).join(", ")})`;
  return ramp;
}

/**
 * What is looked at: the probability of the class that is answered, or the number.
 * @param {string} text
 * @returns {(said: number[]) => number}
 */
function scoreOf(text) {
  const { said } = answeredText(readText(text));
  showAgain();
  if (!app.classes.length) return ([number]) => number;
  const best = said.indexOf(Math.max(...said));
  return (other) => other[best];
}

/**
 * The text in pieces, and between them what belongs to none.
 * @param {string} text
 * @param {Pair[]} pieces
 * @param {(start: number, end: number) => void} choose
 * @param {(span: HTMLElement, at: number) => void} paint
 */
function coloured(text, pieces, choose, paint) {
  /** @type {(Node | string)[]} */
  const parts = [];
  let before = 0;
  pieces.forEach(([start, end], at) => {
    const span = element("span", {}, text.slice(start, end));
    span.onclick = () => choose(start, end);
    paint(span, at);
    parts.push(text.slice(before, start), span);
    before = end;
  });
  return [...parts, text.slice(before)];
}
