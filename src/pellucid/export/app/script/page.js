// What people see and do, whatever the model takes and whoever answers: answers, tables, and the page's beginning.
import { button, byId, element, shown } from "../../../reports/explain/script/dom.js";
import { app } from "./app.js";
import { decision, digits, joinedNames, labelOf, looksForeign, passedError, statusOf } from "./decision.js";
import { nameNode, reasonOf, say, startLanguage, nameText } from "./words/language.js";
/** @import { Answer, Example, Named, Opening, OnPage, Row, Way } from "./types.js" */
/** @import { Name, Word } from "./words/language.js" */

// The answer in words and bars: the most probable classes, and one line on how far it is to be relied on.

/** Classes that are shown at once; the others are folded. */
const MOST = 5;

/** @param {number} share */
const percent = (share) => `${shown(100 * share, 3)} %`;

/** @param {Name} name of the input @param {Answer & { milliseconds: number }} answer */
function showAnswer(name, answer) {
  byId("answer-of").textContent = nameText(name);
  delete byId("answer").dataset.say;
  byId("answer").textContent = decision.text(answer.said);
  byId("bars").replaceChildren(...barsOf(answer));
  const status = statusOf(answer);
  byId("status").hidden = status === null;
  byId("status").className = `status ${status ?? ""}`;
  byId("status").textContent = status && say(status);
  const known = sentences(answer);
  byId("basis").hidden = known.length === 0;
  byId("known").replaceChildren(...known.map((text) => element("p", {}, text)));
  byId("took").textContent = say("took", { milliseconds: Math.max(1, Math.round(answer.milliseconds)) });
}

/** Probabilities as bars; the rest is folded where there are many. @param {Answer} answer */
function barsOf({ said }) {
  const answers = new Set(decision.decided(said));
  const again = here.isExplained ? () => here.again?.() : null;
  const rows = decision.sorted(said).map((at) => {
    const bar = element("span", { class: "bar" });
    bar.style.setProperty("--share", String(said[at]));
    return element(
      "tr",
      decision.rowOf(answers.has(at)),
      element("th", { scope: "row" }, ...decision.nameOf(at, said, again)),
      element("td", {}, decision.barOf(at, bar), digits(said[at])),
      ...decision.more(at),
    );
  });
  if (!rows.length) return [];
  const first = Math.max(MOST, answers.size);
  const table = element("table", { class: "answers" }, element("tbody", {}, ...rows.slice(0, first)));
  const [above, below] = decision.notes(said, here.isExplained);
  if (rows.length <= first) return [...above, table, ...below];
  const more = element("table", { class: "answers" }, element("tbody", {}, ...rows.slice(first)));
  const count = rows.length - first;
  const summary = element("summary", {}, say(decision.words.others, { count }));
  return [...above, table, element("details", {}, summary, more), ...below];
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
  if (!decision.probability || looksForeign(answer)) return said;
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

/** @template Ready @typedef {{ name: Name, ready: Ready, example?: Example }} Input that is answered, perhaps an example as it was */

/**
 * Show an answer; once more where the language or the label that is explained changes.
 * @template Ready @template {Answer} Given @param {OnPage<Ready>} kind @param {Way<Ready, Given>} way
 * @param {Input<Ready>} input @param {Given & { milliseconds: number }} answer
 */
function show(kind, way, { name, ready, example }, answer) {
  const draw = () => {
    showAnswer(name, answer);
    invite(answer, example !== undefined);
    showWhetherExplained(example);
    way.show(answer, ready, example?.label ?? null);
  };
  here.again = () => {
    kind.show(ready);
    draw();
  };
  draw();
}

// What the page invites to, and whether what Python computed is about the input that is shown.

/** The class that people are asked to turn an input into: the second most probable of the one that was given. */
const invited = { label: "" };

/** @param {Answer} answer @param {boolean} isGiven whether nothing of the input was changed by hand */
function invite({ said }, isGiven) {
  if (!decision.isChosen || app.classes.length < 2) return;
  const now = labelOf(said);
  if (isGiven || !invited.label) {
    const second = decision.sorted(said).find((at) => app.classes[at] !== now);
    invited.label = second === undefined ? "" : app.classes[second];
  }
  const key = now === invited.label ? "invitationReached" : kindOfInput;
  byId("invitation").hidden = false;
  byId("invitation").textContent = say(key, { label: invited.label });
}

const kindOfInput = document.getElementById("easel") ? "inviteToDraw" : "inviteToWrite";

/** @param {Example | undefined} example that is shown as it was */
function showWhetherExplained(example) {
  const part = document.getElementById("tested");
  if (!part) return;
  part.hidden = example !== app.examples[0];
  byId("explained-away").hidden = !part.hidden;
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
  for (const { name, original, example } of originals) {
    try {
      const ready = await kind.read(original);
      const answer = await timed(way, ready);
      /** @param {Given & { milliseconds: number }} found */
      const open = (found) => {
        kind.show(ready);
        show(kind, way, { name, ready, example }, found);
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
  label: decision.probability ? labelOf(answer.said) : shown(answer.said[0], 4),
  probability: decision.probability?.(answer.said).toFixed(4) ?? "",
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
  const buttons = app.examples.map((example, at) => {
    const made = button({ class: "example plain-button" }, "", () => take([namedExample(example)]));
    made.append(kind.preview(example.original, () => say("example", { number: at + 1 })));
    return made;
  });
  document.getElementById("examples")?.replaceChildren(...buttons);
  const again = document.getElementById("explained-again");
  if (again) again.onclick = () => take([namedExample(app.examples[0])]);
}

/** An example with what it is called: its own name, or its number and label. @param {Example} example @returns {Named} */
function namedExample(example) {
  const { name, label, original } = example;
  const number = app.examples.indexOf(example) + 1;
  return { name: name ?? (() => say("exampleName", { number, label })), original, example };
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
  /** @type {(input: Input<Ready>) => void} */
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
    opened: (ready) => (app.examples.length ? undefined : openLater(way, ready)),
  });
  sayState("ready");
  if (app.examples.length) here.drawn = openFirst(kind, way);
  return asked(kind, way);
}

/**
 * Open the page on its first example, unless somebody has given an input meanwhile.
 * @template Ready @template {Answer} Given @param {OnPage<Ready>} kind @param {Way<Ready, Given>} way
 */
async function openFirst(kind, way) {
  const { name, original, example } = namedExample(app.examples[0]);
  const ready = await kind.read(original);
  const answer = await timed(way, ready);
  if (here.again) return;
  kind.show(ready);
  show(kind, way, { name, ready, example }, answer);
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
  state.classList.toggle("hidden", key === "ready");
}

/** Sentences that hold facts about the model and the file. */
function sayFacts() {
  document.title = say(app.served?.asks ? "titleAsking" : "title", {
    title: byId("title").textContent ?? "",
  });
  const names = joinedNames([...app.classes.keys()], ", ");
  const { facts } = decision.words;
  byId("classes").textContent = facts ? say(facts, { count: app.classes.length, names }) : "";
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
