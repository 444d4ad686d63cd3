// What people see and do, whatever the model takes and whoever answers: answers, tables, and the page's beginning.
import { button, byId, element, shown } from "../../../reports/explain/script/dom.js";
import {
  app,
  bestOf,
  chosen,
  decided,
  labelOf,
  looksForeign,
  passedError,
  probabilityOf,
  statusOf,
} from "./app.js";
import { nameNode, reasonOf, say, startLanguage, nameText } from "./words/language.js";
/** @import { Answer, Named, Opening, OnPage, Row, Way } from "./types.js" */
/** @import { Name, Word } from "./words/language.js" */

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

/** @param {Name} name of the input @param {Answer & { milliseconds: number }} answer */
function showAnswer(name, answer) {
  byId("answer-of").textContent = nameText(name);
  delete byId("answer").dataset.say;
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
  return [[note(say("allRight", { probability }))], [note(say(here.isExplained ? "marksChoose" : "marks"))]];
}

/**
 * The name of a class; that of one of several labels is a button that explains it below.
 * @param {number} at @param {number[]} said @param {boolean} isAnswered
 */
function labelNodes(at, said, isAnswered) {
  const name = app.classes[at];
  if (!app.several) return [element("span", { class: "foreign" }, name)];
  const state = isAnswered ? [element("span", { class: "hidden" }, say("isAnswered"))] : [];
  if (!here.isExplained) return [element("span", { class: "foreign" }, name), ...state];
  const isShown = at === bestOf(said);
  const choice = button({ class: "number-button foreign", "aria-pressed": String(isShown) }, name, () => {
    chosen.label = at;
    here.again?.();
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
  const said = answer.warning ? [answer.warning] : [];
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
  const name = open ? button({ class: "number-button foreign" }, "", open) : element("span");
  name.append(nameNode(row.name));
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
    [nameText(name), label, probability, error, novelty].map(quoted).join(","),
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
}

const progress = { done: 0, all: 0 };

/** Say how many of the originals that were handed over are answered. @param {Partial<typeof progress>} [found] */
function sayProgress(found = {}) {
  Object.assign(progress, found);
  byId("tray-progress").textContent = say("working", progress);
}

// What an input sets in motion, and the page's beginning.

/** @typedef {Answer & { milliseconds: number }} TimedAnswer */

/** Differences below it say nothing to anybody. */
const LEAST_TOLD = 1e-9;

/**
 * Whether something below the bars explains a single label; what is shown, drawn for the first time once `drawn` is
 * kept, and what shows it once more.
 * @type {{ isExplained: boolean, drawn: Promise<void>, again: (() => void) | null }}
 */
const here = { isExplained: false, drawn: Promise.resolve(), again: null };

/**
 * @template Ready @template {Answer} Given @param {Way<Ready, Given>} way @param {Ready} ready
 * @returns {Promise<Given & { milliseconds: number }>}
 */
async function timed(way, ready) {
  const start = performance.now();
  const answer = await way.answer(ready);
  return { ...answer, milliseconds: performance.now() - start };
}

/**
 * Show an answer; once more where the language or the label that is explained changes.
 * @template Ready @template {Answer} Given @param {OnPage<Ready>} kind @param {Way<Ready, Given>} way
 * @param {{ name: Name, ready: Ready }} input @param {Given & { milliseconds: number }} answer
 */
function show(kind, way, { name, ready }, answer) {
  const draw = () => {
    showAnswer(name, answer);
    way.show(answer, ready);
  };
  here.again = () => {
    kind.show(ready);
    draw();
  };
  draw();
}

/**
 * Say in the answer's place why there is none.
 * @template Ready @template {Answer} Given @param {Way<Ready, Given>} way @param {Name} name @param {unknown} error
 */
function showProblem(way, name, error) {
  const draw = () => {
    byId("answer-of").textContent = nameText(name);
    delete byId("answer").dataset.say;
    byId("answer").textContent = reasonOf(error);
  };
  here.again = draw;
  byId("bars").replaceChildren();
  byId("took").textContent = "";
  for (const id of ["status", "basis"]) byId(id).hidden = true;
  way.hide();
  draw();
}

/**
 * Answer originals one after the other: the first one is opened, and every one becomes a row.
 * @template Ready @template {Answer} Given @param {OnPage<Ready>} kind @param {Way<Ready, Given>} way
 * @param {Named[]} originals
 */
async function takeAll(kind, way, originals) {
  let done = 0;
  for (const { name, original } of originals) {
    try {
      const ready = await kind.read(original);
      const answer = await timed(way, ready);
      /** @param {Given & { milliseconds: number }} found */
      const open = (found) => {
        kind.show(ready);
        show(kind, way, { name, ready }, found);
        byId("answer-title").scrollIntoView({ block: "nearest" });
      };
      if (done === 0) open(answer);
      const again = () => void timed(way, ready).then(open, (error) => showProblem(way, name, error));
      addRow({ name, error: "", ...cellsOf(answer) }, again);
    } catch (error) {
      if (done === 0) showProblem(way, name, error);
      addRow({ name, label: "", probability: "", error: reasonOf(error), novelty: "" }, null);
    }
    done += 1;
    sayProgress({ done, all: originals.length });
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
 * Do the last of many requests once the next picture is drawn, and the one before it is done.
 * @template T @param {(request: T) => Promise<void>} act @returns {(request: T) => void}
 */
function latestOnly(act) {
  /** @type {{ request: T | null, isUnderWay: boolean }} */
  const waiting = { request: null, isUnderWay: false };
  const next = async () => {
    const { request } = waiting;
    waiting.request = null;
    if (request !== null) await act(request);
    waiting.isUnderWay = waiting.request !== null;
    if (waiting.isUnderWay) requestAnimationFrame(() => void next());
  };
  return (request) => {
    waiting.request = request;
    if (waiting.isUnderWay) return;
    waiting.isUnderWay = true;
    requestAnimationFrame(() => void next());
  };
}

/**
 * What Python asks when it replays the page, and what measures it.
 * @template Ready @template {Answer} Given @param {OnPage<Ready>} kind @param {Way<Ready, Given>} way
 */
const asked = (kind, way) => ({
  isDrawn: () => here.drawn,
  /** @param {Record<string, string>[]} originals */
  answer: async (originals) => {
    const found = [];
    for (const original of originals) {
      try {
        const { said, novelty, milliseconds } = await timed(way, await kind.read(original));
        found.push({ said, label: labelOf(said), novelty, milliseconds });
      } catch (error) {
        found.push({ error: String(error) });
      }
    }
    return found;
  },
  /** @param {Record<string, string>} original */
  inputs: async (original) => way.inputs?.(await kind.read(original)),
});

/**
 * Examples of the test that the page holds, as buttons that answer them.
 * @template Ready @param {OnPage<Ready>} kind @param {(originals: Named[]) => void} take
 */
function startExamples(kind, take) {
  const buttons = app.examples.map(({ original, label }, at) => {
    const name = () => say("exampleName", { number: at + 1, label });
    const made = button({ class: "example plain-button" }, "", () => take([{ name, original }]));
    made.append(kind.preview(original, () => say("example", { number: at + 1 })));
    return made;
  });
  if (buttons.length) byId("examples").replaceChildren(...buttons);
}

/** @template Ready @template {Answer} Given @param {OnPage<Ready>} kind @param {Way<Ready, Given>} way */
async function started(kind, way) {
  here.isExplained = way.isExplained;
  startLanguage(() => {
    sayFacts();
    sayProgress();
    here.again?.();
  });
  sayFacts();
  sayState(way.opens);
  await way.start();
  startTray();
  /** @type {(input: { name: Name, ready: Ready }) => void} */
  const changed = latestOnly(async (input) => {
    try {
      show(kind, way, input, await timed(way, input.ready));
    } catch (error) {
      showProblem(way, input.name, error);
    }
  });
  const take = (/** @type {Named[]} */ originals) => void takeAll(kind, way, originals);
  startExamples(kind, take);
  kind.start({
    take,
    changed: (name, ready) => changed({ name, ready }),
    opened: (ready) => openLater(way, ready),
  });
  sayState("ready");
  return asked(kind, way);
}

/**
 * Show what there is before anybody gave an input, once the page has said that it is ready: the first run of many
 * layers is slow.
 * @template Ready @template {Answer} Given @param {Way<Ready, Given>} way @param {Ready} ready
 */
function openLater(way, ready) {
  here.drawn = new Promise((resolve) => {
    setTimeout(() => {
      if (!here.again) way.open(ready);
      resolve();
    }, 0);
  });
}

/** Say how far the page is, in whatever language it is read later. @param {Word} key */
function sayState(key) {
  const state = byId("state");
  state.dataset.say = key;
  state.textContent = say(key);
}

/** Sentences that hold facts about the model and the file. */
function sayFacts() {
  document.title = say(app.served?.asks ? "titleAsking" : "title", {
    title: byId("title").textContent ?? "",
  });
  const names = joinedNames([...app.classes.keys()], ", ");
  byId("classes").textContent = app.classes.length
    ? say(app.several ? "labels" : "classes", { count: app.classes.length, names })
    : "";
  byId("proof").textContent = proofText();
}

/** Where the answers come from, and how that is known. */
function proofText() {
  if (app.served) return say(app.served.asks ? "proofAsking" : "proofServed");
  if (!app.proof) return say("notProved");
  const difference = Math.max(app.proof.difference, LEAST_TOLD).toExponential(0);
  return say("proved", { ...app.proof, difference });
}

/**
 * Start the page for a kind of input, and for what answers it.
 * @template Ready @template {Answer} Given @param {OnPage<Ready>} kind @param {Way<Ready, Given>} way
 * @param {Opening} opening
 */
export function startPage(kind, way, opening) {
  document.documentElement.classList.add("scripted");
  started(kind, way).then(opening.resolve, (error) => {
    byId("state").textContent = say("failed", { reason: String(error) });
    opening.reject(error);
  });
}
