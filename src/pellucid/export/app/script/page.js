// What people see and do, whatever the model takes: answers, layers, tables, and the page's beginning.
import { clamp } from "../../../reports/explain/script/arrays.js";
import { button, byId, element, shown } from "../../../reports/explain/script/dom.js";
import { thumbnail } from "../../../reports/explain/script/drawing.js";
import {
  chooseLayer,
  current,
  drawLayer,
  drawUnit,
  pinUnit,
  placeInAddress,
  startCopying,
  startMaps,
  startStrip,
  stripButtons,
} from "../../../reports/explain/script/page.js";
import { keep, shownLayers } from "../../../reports/explain/script/page_data.js";
import { actions } from "../../../reports/explain/script/unit_views.js";
import { forgetValues, layerValue } from "../../../reports/explain/script/values.js";
import { answered, looksForeign, passedError, statusOf } from "./answer.js";
import { app, bestOf, chosen, decided, labelOf, probabilityOf } from "./app.js";
import { sentence, showDecision, tableOfRows } from "./decision.js";
import { say, startLanguage } from "./words/language.js";
/** @import { Whole } from "../../../reports/explain/script/types.js" */
/** @import { Answer, Body, FeatureWords, InputKind, OpenedAnswer, Opening, Row } from "./types.js" */
/** @import { Word } from "./words/language.js" */

// The answer in words and bars: the most probable classes, and one line on how far it is to be relied on.

/** Classes that are shown at once; the others are folded. */
const MOST = 5;

/** Classes that are named at the top of the page, and labels as the answer. */
const MOST_NAMED = 12;

/** Most digits behind the point of a probability. */
const MOST_DIGITS = 9;

/** A probability, with enough digits that one just below 1 does not read as 1. @param {number} probability */
function digits(probability) {
  let places = 3;
  while (probability < 1 && places < MOST_DIGITS && Number(probability.toFixed(places)) === 1) places += 1;
  return probability.toFixed(places);
}

/** The first of some classes by their names. @param {number[]} positions @param {string} between two names */
function joinedNames(positions, between) {
  const names = positions.slice(0, MOST_NAMED).map((at) => app.classes[at]);
  return names.join(between) + (positions.length > MOST_NAMED ? " \u2026" : "");
}

/** @param {number} share */
const percent = (share) => `${shown(100 * share, 3)} %`;

/** An answer in words: the class or labels, and the probability that these are right; or the number. @param {Answer} answer */
function answerText({ said }) {
  if (!app.classes.length) return say("numberIs", { number: shown(said[0], 4) });
  const answers = decided(said);
  const probability = digits(probabilityOf(said));
  if (!app.several) return say("answerIs", { label: app.classes[answers[0]], probability });
  return answers.length ? joinedNames(answers, say("between")) : say("noLabel");
}

/** @param {string} name of the input @param {Answer & { milliseconds: number }} answer */
function showAnswer(name, answer) {
  byId("answer-of").textContent = name;
  byId("answer").textContent = answerText(answer);
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

/** Probabilities as bars, those answered first; the rest is folded where there are many. @param {Answer} answer */
function barsOf({ said }) {
  const answers = new Set(decided(said));
  const order = [...said.keys()].sort(
    (one, other) => Number(answers.has(other)) - Number(answers.has(one)) || said[other] - said[one],
  );
  const rows = order.map((at) => {
    const name = element("th", { scope: "row" }, ...labelNodes(at, said, answers.has(at)));
    return element(
      "tr",
      app.several && answers.has(at) ? { class: "answered" } : {},
      name,
      element("td", {}, barOf(at, said), digits(said[at])),
      ...leastCell(at),
    );
  });
  const first = Math.max(MOST, answers.size);
  const table = element("table", { class: "answers" }, element("tbody", {}, ...rows.slice(0, first)));
  const [above, below] = app.several ? notesOf(said) : [[], []];
  if (rows.length <= first) return [...above, table, ...below];
  const more = element("table", { class: "answers" }, element("tbody", {}, ...rows.slice(first)));
  const count = rows.length - first;
  const summary = element("summary", {}, say(app.several ? "moreLabels" : "more", { count }));
  return [...above, table, element("details", {}, summary, more), ...below];
}

/** A probability below which digits say nothing to anybody. */
const LEAST_SHOWN = 0.001;

/**
 * What is said above and below the bars of labels: how likely all are right, and what the marks are.
 * @param {number[]} said @returns {[above: Node[], below: Node[]]}
 */
function notesOf(said) {
  const all = probabilityOf(said);
  const probability = all < LEAST_SHOWN ? `< ${LEAST_SHOWN}` : digits(all);
  const note = (/** @type {string} */ text) => element("p", { class: "quiet" }, text);
  return [[note(say("allRight", { probability }))], [note(say(isExplained ? "marksChoose" : "marks"))]];
}

/** Whether something below the bars explains a single label: words, members or a classical model. */
const isExplained =
  app.members.length > 1 ||
  document.getElementById("drove") !== null ||
  app.members.some(({ predictor }) => predictor?.opened);

/**
 * The name of a class; that of one of several labels is a button that explains it below.
 * @param {number} at @param {number[]} said @param {boolean} isAnswered
 */
function labelNodes(at, said, isAnswered) {
  const name = app.classes[at];
  if (!app.several) return [element("span", { class: "foreign" }, name)];
  const state = isAnswered ? [element("span", { class: "hidden" }, say("isAnswered"))] : [];
  if (!isExplained) return [element("span", { class: "foreign" }, name), ...state];
  const isShown = at === bestOf(said);
  const choice = button({ class: "number-button foreign", "aria-pressed": String(isShown) }, name, () => {
    chosen.label = at;
    here.again();
  });
  return [choice, ...state];
}

/** The bar of a probability, with a mark where a label begins to be answered. @param {number} at @param {number[]} said */
function barOf(at, said) {
  const bar = element("span", { class: "bar" });
  bar.style.setProperty("--share", String(said[at]));
  if (!app.several) return bar;
  const mark = element("span", { class: "least" });
  mark.style.setProperty("--share", String(app.least[at]));
  return element("span", { class: "track" }, bar, mark);
}

/** The probability from which on a label is answered, as a cell. @param {number} at */
function leastCell(at) {
  if (!app.several) return [];
  const least = shown(/** @type {number} */ (app.least[at]), 2);
  return [element("td", { class: "from" }, say("answeredFrom", { least }))];
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

// The members of an average: what each says, times its share of the weights, adds up to the answer.

/** @param {OpenedAnswer} answer */
function showMembers({ said, parts }) {
  if (app.members.length === 1) return;
  const best = bestOf(said);
  const label = app.classes.length ? app.classes[best] : "";
  const whole = app.members.reduce((sum, { weight }) => sum + weight, 0);
  const adds = app.members.map(({ share }, place) => share * parts[place].said[best]);
  /** @type {[string, string, string, string][]} */
  const rows = app.members.map(({ name, weight }, place) => [
    name,
    shown(parts[place].said[best], 4),
    `${weight} / ${whole}`,
    shown(adds[place], 4),
  ]);
  const sum = shown(
    adds.reduce((total, each) => total + each, 0),
    4,
  );
  const tempers = app.classes.length > 0 && app.temperature !== 1;
  const after = { temperature: shown(app.temperature, 4), probability: shown(said[best], 4) };
  const onOpened = app.members.filter(({ body }) => body === app.opened);
  const { name: opened } = onOpened.find(({ predictor }) => !predictor) ?? onOpened[0];
  const layersOfMember = document.getElementById("glass-of");
  if (layersOfMember) layersOfMember.textContent = say("layersOf", { name: opened });
  byId("members").hidden = false;
  byId("member-terms").replaceChildren(
    sentence(app.classes.length ? "membersSum" : "membersNumber", { sum, label }),
    tableOfRows("membersTitle", ["columnMember", "columnSays", "columnShare", "columnAdds"], rows),
    ...(tempers ? [sentence("membersTempered", after)] : []),
  );
}

// The network, alive: every layer follows the input, and any unit of it opens its arithmetic.

/** @type {{ canvases: (HTMLCanvasElement | null)[], isStarted: boolean }} */
const glass = { canvases: [], isStarted: false };

/** Show every layer as it is for an input. @param {Map<string, Whole>} values */
function showValues(values) {
  for (const [name, found] of values) keep(name, found);
  forgetValues();
  if (!shownLayers.length) return;
  if (glass.isStarted) drawAnew();
  else startGlass();
}

function startGlass() {
  glass.isStarted = true;
  Object.assign(actions, { pinUnit });
  glass.canvases = [...stripButtons()].map((each) => each.querySelector("canvas"));
  startStrip();
  startMaps();
  startCopying();
  openPlace();
  window.onhashchange = () => {
    if (location.hash.includes("/")) openPlace();
  };
}

function openPlace() {
  const { layer, unit } = placeInAddress();
  if (layer) chooseLayer(layer, unit);
}

function drawAnew() {
  shownLayers.forEach((layer, at) => {
    const canvas = glass.canvases[at];
    if (canvas) thumbnail(canvas, layerValue(layer.name));
  });
  const { pinned } = current;
  if (!pinned) return;
  pinned.unit = clamp(pinned.unit, pinned.layer.shape); // of a text, which may have become shorter
  drawLayer(pinned.layer);
  drawUnit(pinned);
}

// The answers of a visit as a table, and as a file of comma-separated values with the columns of `predict`.

/** @type {Row[]} */
const rows = [];

/** Rows of which a table is shown; all of them are in the file. */
const MOST_SHOWN = 500;

/** Beginnings by which spreadsheets take a text for a formula. */
const FORMULAS = /^[=+\-@\t\r\n]/;

/**
 * Add a row.
 * @param {Row} row @param {(() => void) | null} open shows the input again; null where it could not be read
 */
function addRow(row, open) {
  rows.push(row);
  byId("tray").hidden = false;
  if (rows.length > MOST_SHOWN) return;
  const name = open ? button({ class: "number-button foreign" }, row.name, open) : row.name;
  byId("rows").append(
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      element("td", { class: "words foreign" }, row.label),
      element("td", {}, row.probability),
      element("td", { class: "words" }, row.error),
      element("td", {}, row.novelty),
    ),
  );
}

/** @param {string} cell */
function quoted(cell) {
  const safe = FORMULAS.test(cell) && Number.isNaN(Number(cell)) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** All rows as comma-separated values. */
function tableText() {
  const lines = rows.map(({ name, label, probability, error, novelty }) =>
    [name, label, probability, error, novelty].map(quoted).join(","),
  );
  return ["input,label,probability,error,novelty", ...lines, ""].join("\r\n");
}

/** Let the button hand the file over. */
function startTray() {
  byId("download").onclick = () => {
    const file = new Blob([tableText()], { type: "text/csv" });
    const link = element("a", { href: URL.createObjectURL(file), download: "answers.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  byId("tray-progress").textContent = say("working", { done: 0, all: 0 });
}

// The page's beginning: weights opened, every part given its clicks, and what an input sets in motion.

/** @typedef {OpenedAnswer & { milliseconds: number }} TimedAnswer */
/** @typedef {{ name: string, original: File | Record<string, string> }} Named */

/** Differences below it say nothing to anybody. */
const LEAST_TOLD = 1e-9;

/**
 * What is shown, drawn for the first time once `drawn` is kept, how features of this kind of input are named, and what
 * shows the input and its answer once more.
 * @type {{ name: string, answer: TimedAnswer | null, drawn: Promise<void>, words: (body: Body) => FeatureWords |
 *   undefined, again: () => void }}
 */
const here = { name: "", answer: null, drawn: Promise.resolve(), words: () => undefined, again: () => {} };

/** @template Ready @param {InputKind<Ready>} kind @param {Ready} ready @returns {TimedAnswer} */
function timed(kind, ready) {
  const start = performance.now();
  const answer = answered(kind, ready);
  kind.answered?.(ready);
  return { ...answer, milliseconds: performance.now() - start };
}

/** @param {string} name @param {TimedAnswer} answer @param {() => void} again shows the input where people gave it */
function show(name, answer, again) {
  const withAnswer = () => {
    again();
    show(name, answer, again);
  };
  Object.assign(here, { name, answer, again: withAnswer });
  showAnswer(name, answer);
  showMembers(answer);
  showValues(answer.values);
  showDecision(answer, here.words);
}

/**
 * Open the layers for the first time, once the page has said that it is ready: they are many, and the first run is
 * slow.
 * @template Ready @param {InputKind<Ready>} kind @param {Ready} ready
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
 * @template Ready @param {InputKind<Ready>} kind @param {Named[]} originals
 */
async function takeAll(kind, originals) {
  let done = 0;
  for (const { name, original } of originals) {
    try {
      const ready = await kind.read(original);
      const answer = timed(kind, ready);
      const open = () => {
        kind.show(ready);
        show(name, timed(kind, ready), () => kind.show(ready));
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
  label: app.classes.length ? labelOf(answer.said) : shown(answer.said[0], 4),
  probability: app.classes.length ? probabilityOf(answer.said).toFixed(4) : "",
  novelty: answer.novelty === null ? "" : answer.novelty.toFixed(4),
});

/**
 * Do the last of many requests once the next picture is drawn.
 * @template T @param {(request: T) => void} act @returns {(request: T) => void}
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
 * @template Ready @param {InputKind<Ready>} kind
 */
const asked = (kind) => ({
  isDrawn: () => here.drawn,
  /** @param {Record<string, string>[]} originals */
  answer: async (originals) => {
    const found = [];
    for (const original of originals) {
      try {
        const { said, novelty, milliseconds } = timed(kind, await kind.read(original));
        found.push({ said, label: labelOf(said), novelty, milliseconds });
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

/** @template Ready @param {InputKind<Ready>} kind @param {Opening} opening */
async function started(kind, opening) {
  here.words = kind.words;
  startLanguage(() => {
    sayFacts();
    if (here.answer) here.again();
  });
  sayFacts();
  sayState("opening");
  for (const [name, tensor] of await opening.weights(app.tensors)) keep(name, tensor);
  startTray();
  /** @type {(request: { name: string, ready: Ready }) => void} */
  const changed = oncePerFrame(({ name, ready }) => show(name, timed(kind, ready), () => kind.show(ready)));
  kind.start({
    take: (originals) => void takeAll(kind, originals),
    changed: (name, ready) => changed({ name, ready }),
    opened: (ready) => openLater(kind, ready),
  });
  sayState("ready");
  return asked(kind);
}

/** Say how far the page is, in whatever language it is read later. @param {Word} key */
function sayState(key) {
  const state = byId("state");
  state.dataset.say = key;
  state.textContent = say(key);
}

/** Sentences that hold facts about the model and the file. */
function sayFacts() {
  document.title = say("title", { model: app.model });
  const names = joinedNames([...app.classes.keys()], ", ");
  byId("classes").textContent = app.classes.length
    ? say(app.several ? "labels" : "classes", { count: app.classes.length, names })
    : "";
  byId("proof").textContent = app.proof
    ? say("proved", { ...app.proof, difference: Math.max(app.proof.difference, LEAST_TOLD).toExponential(0) })
    : say("notProved");
}

/**
 * Start the page for a kind of input.
 * @template Ready @param {InputKind<Ready>} kind @param {Opening} opening
 */
export function startPage(kind, opening) {
  document.documentElement.classList.add("scripted");
  started(kind, opening).then(opening.resolve, (error) => {
    byId("state").textContent = say("failed", { reason: String(error) });
    opening.reject(error);
  });
}
