// The page of labelling: asks its server for the next example, and sends what a person says about it.
import { byId, counted, element } from "../../reports/explain/script/dom.js";
import { tr } from "../../reports/script/tr.js";
import { DECISIONS } from "./decision.js";

/**
 * What the server says of the whole, and of the question that is open.
 * @typedef {{
 *   example: { id: number, text?: string } | null, upcoming: number | null, waiting: number,
 *   classes: { name: string, labelled: number }[], labelled: number, skipped: number, audited: number,
 *   pool: number, state: string, sentences: string[], command: string, had?: string[],
 * }} Standing
 */

/** @typedef {{ token: string, texts: boolean, answer: keyof typeof DECISIONS, shown: string }} Facts */

/** Keys of the classes, in their order; other letters are keys of the buttons. */
const KEYS = "123456789abcdefghijklmopqrtvwyz";

/** Side in pixels below which an image is enlarged with its pixels to be seen. */
const SMALL = 128;

/** Milliseconds between two looks at how things stand. */
const PAUSE = 3000;

/** An answer that the server refuses, with its reason. */
class Refused extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The name of this page, which a reload keeps. */
function person() {
  if (!history.state?.person) {
    const draws = crypto.getRandomValues(new Uint32Array(4));
    history.replaceState({ person: Array.from(draws, (each) => each.toString(36)).join("") }, "");
  }
  return /** @type {string} */ (history.state.person);
}

const facts = /** @type {Facts} */ (JSON.parse(byId("facts").textContent ?? ""));
const decision = DECISIONS[facts.answer];
const open = {
  example: /** @type {number | null} */ (null),
  chosen: /** @type {Set<string>} */ (new Set()),
  names: /** @type {string[]} */ ([]),
  since: 0,
  isBusy: true,
};

/**
 * Ask the server.
 * @param {string} name
 * @param {Record<string, unknown>} body
 * @returns {Promise<any>}
 */
async function ask(name, body) {
  const reply = await fetch(`/api/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: facts.token, person: person(), ...body }),
  });
  const found = await reply.json();
  if (!reply.ok) throw new Refused(found.error ?? reply.statusText, reply.status);
  return found;
}

/** @param {string} words */
function complain(words) {
  byId("problem").textContent = words;
  byId("problem").hidden = words === "";
}

/** Show the classes, each with its key, how many examples it has, and whether it is chosen. */
function showChosen() {
  for (const button of byId("classes").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(open.chosen.has(button.dataset.name ?? "")));
  }
  byId("save-words").textContent = open.chosen.size
    ? tr("Save {count}", { count: open.chosen.size })
    : tr("None of these");
}

/** @param {Standing["classes"]} classes */
function showClasses(classes) {
  const names = classes.map((each) => each.name);
  const isSame = names.length === open.names.length && names.every((name, at) => name === open.names[at]);
  open.names = names;
  if (!isSame) {
    byId("classes").replaceChildren(...names.map(classButton));
    byId("class-names").replaceChildren(...names.map((name) => new Option(name, name)));
  }
  byId("classes")
    .querySelectorAll(".count")
    .forEach((each, at) => (each.textContent = counted(classes[at].labelled)));
  byId("no-classes").hidden = names.length > 0;
  showChosen();
}

/**
 * @param {string} name
 * @param {number} at
 */
function classButton(name, at) {
  const button = document.createElement("button");
  button.dataset.name = name;
  if (KEYS[at]) button.append(element("kbd", {}, KEYS[at]));
  button.append(
    element("span", { class: "name" }, name),
    element("span", { class: "count" }, ""),
    element("span", { class: "share" }, ""),
  );
  button.addEventListener("click", () => choose(name));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

/**
 * Show how things stand.
 * @param {Standing} standing
 */
function showStanding(standing) {
  showClasses(standing.classes);
  const skipped = standing.skipped ? tr(", {count} skipped", { count: counted(standing.skipped) }) : "";
  byId("counts").textContent = tr("{labelled} of {pool} labelled, {audited} of them for the audit{skipped}", {
    labelled: counted(standing.labelled),
    pool: counted(standing.pool),
    audited: counted(standing.audited),
    skipped,
  });
  byId("state").textContent = standing.state;
  byId("state").hidden = standing.state === "";
  byId("sentences").replaceChildren(...standing.sentences.map((each) => element("li", {}, each)));
  byId("command").textContent = standing.command;
}

/**
 * Show the question that is open now.
 * @param {Standing} standing
 */
function showQuestion(standing) {
  const example = standing.example;
  open.example = example && example.id;
  open.chosen = new Set(standing.had ?? []);
  open.since = performance.now();
  byId("suggested").textContent = "";
  for (const bar of byId("classes").querySelectorAll(".share")) {
    /** @type {HTMLElement} */ (bar).style.removeProperty("--share");
  }
  showStanding(standing);
  byId("finished").hidden = example !== null;
  byId("finished").textContent = standing.waiting
    ? tr("All others are labelled; {count} are on the pages of other people.", {
        count: counted(standing.waiting),
      })
    : tr("Every {noun} is labelled.", { noun: facts.shown });
  if (facts.texts) {
    byId("text").hidden = example === null;
    byId("text").textContent = example?.text ?? "";
    byId("text").scrollTop = 0;
    return;
  }
  const image = /** @type {HTMLImageElement} */ (byId("image"));
  image.hidden = true;
  if (example) image.src = `/api/image/${example.id}`;
  if (standing.upcoming !== null) new Image().src = `/api/image/${standing.upcoming}`;
}

/**
 * Do something that ends with the next question, one thing at a time.
 * @param {string} name
 * @param {Record<string, unknown>} body
 */
async function advance(name, body = {}) {
  if (open.isBusy) return;
  open.isBusy = true;
  try {
    showQuestion(await ask(name, body));
    complain("");
  } catch (error) {
    await explain(error);
  } finally {
    open.isBusy = false;
  }
}

/**
 * Say what went wrong; where somebody else was faster, go on with another example.
 * @param {unknown} error
 */
async function explain(error) {
  if (!(error instanceof Refused)) {
    complain(
      tr(
        "The server does not answer. All answers so far are in the table; start the command again and go on here.",
      ),
    );
    return;
  }
  complain(error.message);
  if (error.status === 409) showQuestion(await ask("next", {}));
}

/** @param {Iterable<string>} labels */
function send(labels) {
  if (open.example === null) return;
  const by = /** @type {HTMLInputElement} */ (byId("by")).value;
  const seconds = (performance.now() - open.since) / 1000;
  advance("label", { example: open.example, labels: [...labels], seconds, by });
}

/**
 * A class was chosen: that is the answer, or one label more or less.
 * @param {string} name
 */
function choose(name) {
  const chosen = decision.choose(open.chosen, name);
  if (decision.isWhole) {
    send(chosen);
    return;
  }
  open.chosen = chosen;
  showChosen();
}

async function suggest() {
  if (open.example === null) return;
  const example = open.example;
  try {
    const { suggestion } = await ask("suggest", { example });
    if (open.example !== example) return;
    const shares = new Map(
      suggestion.map((/** @type {{name: string, probability: number}} */ each) => [
        each.name,
        each.probability,
      ]),
    );
    for (const button of byId("classes").querySelectorAll("button")) {
      const bar = /** @type {HTMLElement} */ (button.querySelector(".share"));
      bar.style.setProperty("--share", String(shares.get(button.dataset.name ?? "") ?? 0));
    }
    const first = suggestion
      .slice(0, 3)
      .map(
        (/** @type {{name: string, probability: number}} */ each) =>
          `${each.name} ${Math.round(100 * each.probability)} %`,
      );
    byId("suggested").textContent = tr("The model of the labels so far: {names}", {
      names: first.join(", "),
    });
  } catch (error) {
    byId("suggested").textContent =
      error instanceof Refused ? error.message : tr("The server does not answer.");
  }
}

/** @param {boolean} isOpen */
function showNewClass(isOpen) {
  byId("new-class").hidden = !isOpen;
  const field = /** @type {HTMLInputElement} */ (byId("class-name"));
  field.value = "";
  if (isOpen) field.focus();
  else byId("main").focus();
}

/** @param {SubmitEvent} event */
function useNewClass(event) {
  event.preventDefault();
  const name = /** @type {HTMLInputElement} */ (byId("class-name")).value.trim().replace(/\s+/g, " ");
  showNewClass(false);
  if (!name) return;
  if (!open.names.includes(name) && !decision.isWhole) {
    showClasses([...currentClasses(), { name, labelled: 0 }]);
  }
  choose(name);
}

/** The classes on the page with their counts. */
function currentClasses() {
  const counts = [...byId("classes").querySelectorAll(".count")];
  return open.names.map((name, at) => ({
    name,
    labelled: Number((counts[at].textContent ?? "0").replaceAll(",", "")),
  }));
}

/**
 * Move from class to class.
 * @param {number} step
 */
function move(step) {
  const buttons = [...byId("classes").querySelectorAll("button")];
  if (!buttons.length) return;
  const at = buttons.findIndex((each) => each === document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : buttons.length - 1) : (at + step + buttons.length) % buttons.length;
  buttons[next].focus();
}

const ACTIONS = new Map([
  ["n", () => showNewClass(true)],
  ["s", suggest],
  [
    "x",
    () =>
      open.example !== null &&
      advance("skip", { example: open.example, by: /** @type {HTMLInputElement} */ (byId("by")).value }),
  ],
  ["u", () => advance("undo")],
  ["ArrowRight", () => move(1)],
  ["ArrowDown", () => move(1)],
  ["ArrowLeft", () => move(-1)],
  ["ArrowUp", () => move(-1)],
]);

/**
 * A key that belongs to a field, to a button or to the browser is left to it.
 * @param {KeyboardEvent} event
 */
function isElsewhere(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const isArrow = event.key.startsWith("Arrow");
  const isText = target.matches("#text") && isArrow;
  return event.ctrlKey || event.metaKey || event.altKey || target.matches("input") || isText;
}

/** @param {KeyboardEvent} event */
function press(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key === "Escape") {
    showNewClass(false);
    return;
  }
  if (isElsewhere(event) || event.repeat) return;
  const isOfButton = target.matches("button:not(.classes button), summary, a");
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const name = key.length === 1 ? open.names[KEYS.indexOf(key)] : undefined;
  const action = ACTIONS.get(key);
  if (key === "Enter" && !decision.isWhole && !isOfButton) {
    event.preventDefault();
    send(open.chosen);
  } else if (name !== undefined) {
    event.preventDefault();
    choose(name);
  } else if (action) {
    event.preventDefault();
    action();
  }
}

async function look() {
  try {
    const reply = await fetch("/api/status");
    if (reply.ok && !open.isBusy) {
      const found = await reply.json();
      const known = new Set(found.classes.map((/** @type {{name: string}} */ each) => each.name));
      const own = currentClasses().filter((each) => !known.has(each.name));
      showStanding({ ...found, classes: [...found.classes, ...own] });
    }
  } catch {
    // The next answer says so.
  }
}

for (const name of ["new", "suggest", "skip", "undo"]) {
  const key = name === "skip" ? "x" : name[0];
  byId(name).addEventListener("click", () => ACTIONS.get(key)?.());
}
byId("save").hidden = decision.isWhole;
byId("save").addEventListener("click", () => send(open.chosen));
byId("new-class").addEventListener("submit", useNewClass);
document.addEventListener("keydown", press);
if (!facts.texts) {
  const image = /** @type {HTMLImageElement} */ (byId("image"));
  image.addEventListener("load", () => {
    image.hidden = false;
    image.classList.toggle("small", Math.max(image.naturalWidth, image.naturalHeight) <= SMALL);
    open.since = performance.now();
  });
  image.addEventListener("error", () => complain(tr("This image cannot be read; skip it with x.")));
}
setInterval(look, PAUSE);
open.isBusy = false;
advance("next");
