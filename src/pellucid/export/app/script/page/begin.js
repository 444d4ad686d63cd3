// The page's beginning: weights opened, every part given its clicks, and what an input sets in motion.
import { byId } from "../../../../reports/explain/script/dom/element.js";
import { answered } from "../answering/answer.js";
import { showDecision } from "../decision/decision.js";
import { app } from "../facts/app.js";
import { beginning } from "../facts/inflating.js";
import { openWeights } from "../facts/weights.js";
import { say, startLanguage } from "../words/language.js";
import { labelOf, showAnswer } from "./bars.js";
import { showValues } from "./glass.js";
import { showMembers } from "./members.js";
import { addRow, startTray } from "./tray.js";
/** @import { Answer, Body, FeatureWords, InputKind, OpenedAnswer } from "../types.js" */
/** @import { Word } from "../words/language.js" */

/** @typedef {OpenedAnswer & { milliseconds: number }} TimedAnswer */
/** @typedef {{ name: string, original: File | Record<string, string> }} Named */

/** Differences below it say nothing to anybody. */
const LEAST_TOLD = 1e-9;

/** Classes that are named at the top of the page. */
const MOST_NAMED = 12;

/**
 * What is shown, drawn for the first time once `drawn` is kept, and how features of this kind of input are told.
 * @type {{ name: string, answer: TimedAnswer | null, drawn: Promise<void>,
 *   words: (body: Body) => FeatureWords | undefined }}
 */
const here = { name: "", answer: null, drawn: Promise.resolve(), words: () => undefined };

/**
 * @template Ready
 * @param {InputKind<Ready>} kind
 * @param {Ready} ready
 * @returns {TimedAnswer}
 */
function timed(kind, ready) {
  const start = performance.now();
  const answer = answered(kind, ready);
  kind.answered?.(ready);
  return { ...answer, milliseconds: performance.now() - start };
}

/**
 * @param {string} name
 * @param {TimedAnswer} answer
 */
function show(name, answer) {
  Object.assign(here, { name, answer });
  showAnswer(name, answer);
  showMembers(answer);
  showValues(answer.values);
  showDecision(answer, here.words);
}

/**
 * Open the layers for the first time, once the page has said that it is ready: they are many, and the first run is
 * slow.
 * @template Ready
 * @param {InputKind<Ready>} kind
 * @param {Ready} ready
 */
function openLater(kind, ready) {
  here.drawn = new Promise((resolve) => {
    setTimeout(() => {
      if (!here.answer) showValues(timed(kind, ready).values);
      resolve();
    }, 0);
  });
}

/**
 * Answer originals one after the other: the first one is opened, and every one becomes a row.
 * @template Ready
 * @param {InputKind<Ready>} kind
 * @param {Named[]} originals
 */
async function takeAll(kind, originals) {
  let done = 0;
  for (const { name, original } of originals) {
    try {
      const ready = await kind.read(original);
      const answer = timed(kind, ready);
      const open = () => {
        kind.show(ready);
        show(name, timed(kind, ready));
        byId("answer-title").scrollIntoView({ block: "nearest" });
      };
      if (done === 0) open();
      addRow({ name, error: "", ...cellsOf(answer) }, open);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (originals.length === 1) {
        delete byId("state").dataset.say;
        byId("state").textContent = reason;
      }
      addRow({ name, label: "", probability: "", error: reason, novelty: "" }, null);
    }
    done += 1;
    byId("tray-progress").textContent = say("working", { done, all: originals.length });
    await new Promise((resolve) => setTimeout(resolve, 0)); // the page stays alive between two answers
  }
}

/** @param {Answer} answer */
const cellsOf = (answer) => ({
  label: labelOf(answer),
  probability: app.classes.length ? Math.max(...answer.said).toFixed(4) : "",
  novelty: answer.novelty === null ? "" : answer.novelty.toFixed(4),
});

/**
 * Do the last of many requests once the next picture is drawn.
 * @template T
 * @param {(request: T) => void} act
 * @returns {(request: T) => void}
 */
function oncePerFrame(act) {
  /** @type {{ request: T | null }} */
  const waiting = { request: null };
  return (request) => {
    const isWaiting = waiting.request !== null;
    waiting.request = request;
    if (isWaiting) return;
    requestAnimationFrame(() => {
      const latest = waiting.request;
      waiting.request = null;
      if (latest !== null) act(latest);
    });
  };
}

/**
 * What Python asks when it replays the page, and what measures it.
 * @template Ready
 * @param {InputKind<Ready>} kind
 */
const asked = (kind) => ({
  isDrawn: () => here.drawn,
  /** @param {Record<string, string>[]} originals */
  answer: async (originals) => {
    const found = [];
    for (const original of originals) {
      try {
        const { said, novelty, milliseconds } = timed(kind, await kind.read(original));
        found.push({ said, novelty, milliseconds });
      } catch (error) {
        found.push({ error: String(error) });
      }
    }
    return found;
  },
  /** @param {Record<string, string>} original */
  inputs: async (original) =>
    Array.from(kind.inputs(await kind.read(original), app.bodies[app.opened], false).data),
});

/**
 * @template Ready
 * @param {InputKind<Ready>} kind
 */
async function started(kind) {
  here.words = kind.words;
  startLanguage(() => {
    sayFacts();
    if (here.answer) show(here.name, here.answer);
  });
  sayFacts();
  sayState("opening");
  await openWeights();
  startTray();
  const changed = oncePerFrame(
    /** @param {{ name: string, ready: Ready }} request */ ({ name, ready }) =>
      show(name, timed(kind, ready)),
  );
  kind.start({
    take: (originals) => void takeAll(kind, originals),
    changed: (name, ready) => changed({ name, ready }),
    opened: (ready) => openLater(kind, ready),
  });
  sayState("ready");
  return asked(kind);
}

/**
 * Say how far the page is, in whatever language it is read later.
 * @param {Word} key
 */
function sayState(key) {
  const state = byId("state");
  state.dataset.say = key;
  state.textContent = say(key);
}

/** Sentences that hold facts about the model and the file. */
function sayFacts() {
  document.title = say("title", { model: app.model });
  const names =
    app.classes.slice(0, MOST_NAMED).join(", ") + (app.classes.length > MOST_NAMED ? " \u2026" : "");
  byId("classes").textContent = app.classes.length
    ? say("classes", { count: app.classes.length, names })
    : "";
  byId("proof").textContent = app.proof
    ? say("proved", { ...app.proof, difference: Math.max(app.proof.difference, LEAST_TOLD).toExponential(0) })
    : say("notProved");
}

/**
 * Start the page for a kind of input.
 * @template Ready
 * @param {InputKind<Ready>} kind
 */
export function startPage(kind) {
  document.documentElement.classList.add("scripted");
  started(kind).then(beginning.resolve, (error) => {
    byId("state").textContent = say("failed", { reason: String(error) });
    beginning.reject(error);
  });
}
