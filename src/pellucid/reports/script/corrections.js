// Corrections of labels, collected on the report: kept in this browser, and given as corrections.csv; saved by the
// server where one hands the report out for that.
import { button, byId, element } from "../explain/script/dom.js";
import { choiceText, controlsOf } from "./correction_controls.js";
import { correctionsOf, tableOf } from "./correction_table.js";
import { decisionOf } from "./decision.js";
import { tr } from "./tr.js";
import { savedAt, savedTable, saveRow } from "./saved_corrections.js";

/** @import { Choice, Control, PageFacts } from "./decision.js" */
/** @import { Correction } from "./correction_table.js" */

const page = /** @type {PageFacts} */ (JSON.parse(byId("corrections-data").textContent ?? ""));
const decision = decisionOf(page);
const key = `pellucid-corrections-${page.model}`;
const FILE = "corrections.csv";

/** What was chosen, by the number of the example. */
const choices = /** @type {Map<number, Choice>} */ (new Map());

/** Corrections that were imported and are of no example that this page shows. */
let others = /** @type {Correction[]} */ ([]);

/** Corrections that the run has applied. */
const earlier = page.earlier ? correctionsOf(tableOf([]) + page.earlier) : [];

/** What shows each example's choice, by its number. */
const controls = /** @type {Map<number, Control[]>} */ (new Map());
const marks = /** @type {Map<number, HTMLElement[]>} */ (new Map());

const toggles = /** @type {HTMLButtonElement[]} */ ([]);
const status = element("p", { role: "status" });
const count = element("strong", {});
const tools = element("div", { class: "correction-tools", role: "region", "aria-label": tr("Corrections") });

/** @returns {Correction[]} */
function chosen() {
  return [...choices].map(([number, { action, label }]) => {
    const { input, was, content } = page.examples[number];
    return { input, label, action, was, content, run: page.run, model: page.model };
  });
}

const table = () => tableOf([...earlier, ...others, ...chosen()]);

/** Keep what was chosen, so that it survives a reload. */
function keep() {
  if (savedAt()) return;
  try {
    if (choices.size || others.length) localStorage.setItem(key, tableOf([...others, ...chosen()]));
    else localStorage.removeItem(key);
  } catch {
    say(tr("This browser keeps nothing for this page: download before you leave it."));
  }
}

/** @param {string} text */
function say(text) {
  status.textContent = text;
}

/** Have the server save a choice; none is the label that was there. @param {number} number @param {Choice | null} choice */
async function save(number, choice) {
  const { input, was, content } = page.examples[number];
  const { action, label } = choice ?? { action: "label", label: was };
  const reason = await saveRow({ input, label, action, was, content, run: page.run, model: page.model });
  say(
    reason
      ? tr("The server did not save this: {reason}. Download the file.", { reason })
      : tr("Saved by the server."),
  );
}

/** Show an example's choice wherever the page shows the example. @param {number} number */
function show(number) {
  const choice = choices.get(number);
  for (const each of controls.get(number) ?? []) each.show(choice);
  for (const each of marks.get(number) ?? []) {
    each.textContent = choice ? choiceText(page, choice) : "";
    each.hidden = !choice;
  }
}

/** Show how many there are. */
function total() {
  const all = choices.size + others.length;
  count.textContent = all === 1 ? tr("1 correction") : tr("{count} corrections", { count: all });
  tools.hidden = !all && !document.body.classList.contains("correcting");
  for (const each of tools.querySelectorAll("[data-needs]")) each.toggleAttribute("disabled", !all);
}

/** @param {number} number @param {Choice | null} choice */
function choose(number, choice) {
  if (choice) choices.set(number, choice);
  else choices.delete(number);
  show(number);
  total();
  say("");
  keep();
  if (savedAt()) void save(number, choice);
}

/** The example that a correction is about, as this page shows it; -1 where it shows none. @param {Correction} each */
function place(each) {
  const fits = page.examples.map(
    ({ input, was, content }) =>
      (!each.was || decision.canonical(each.was) === decision.canonical(was)) &&
      (each.content ? each.content === content : each.input === input),
  );
  const named = page.examples.findIndex(({ input }, at) => fits[at] && input === each.input);
  return named >= 0 || fits.filter(Boolean).length !== 1 ? named : fits.indexOf(true);
}

/** Go on from a table: how many corrections it has. @param {string} text */
function takeOver(text) {
  const found = correctionsOf(text);
  const known = new Set([...earlier, ...others].map((each) => tableOf([each])));
  for (const each of found) {
    const number = place(each);
    const isBack =
      number >= 0 &&
      each.action === "label" &&
      decision.canonical(each.label) === decision.canonical(page.examples[number].was);
    if (isBack) {
      choices.delete(number);
      show(number);
    } else if (number >= 0) {
      choices.set(number, { action: each.action, label: each.action === "label" ? each.label : "" });
      show(number);
    } else if (!known.has(tableOf([each]))) {
      others.push(each);
    }
  }
  total();
  return found.length;
}

/** Go on from what the server has. */
async function takeOverSaved() {
  const text = await savedTable();
  if (text === null) say(tr("The server does not answer: nothing that is corrected now is saved."));
  else takeOver(text);
}

/** Turn correcting on or off. */
function correct() {
  const on = document.body.classList.toggle("correcting");
  for (const each of toggles) {
    each.setAttribute("aria-pressed", String(on));
    each.textContent = on ? tr("Stop correcting") : tr("Correct labels");
  }
  if (on && !controls.size) build();
  total();
}

/** One more button that turns it on or off. */
function toggle() {
  const made = button({ type: "button", "aria-pressed": "false" }, tr("Correct labels"), correct);
  toggles.push(made);
  return made;
}

/** Put the controls below every example. */
function build() {
  for (const figure of document.querySelectorAll("figure[data-example]")) {
    const number = Number(figure.getAttribute("data-example"));
    const made = controlsOf(page, page.examples[number], (choice) => choose(number, choice));
    controls.set(number, [...(controls.get(number) ?? []), made]);
    figure.append(made.node);
    made.show(choices.get(number));
  }
}

/** Put a line for its choice below every example. */
function mark() {
  for (const figure of document.querySelectorAll("figure[data-example]")) {
    const number = Number(figure.getAttribute("data-example"));
    const made = element("p", { class: "corrected" });
    made.hidden = true;
    marks.set(number, [...(marks.get(number) ?? []), made]);
    figure.append(made);
  }
}

function download() {
  const address = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
  element("a", { href: address, download: FILE }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  say(tr("Saved as {file}.", { file: FILE }));
}

async function copy() {
  try {
    await navigator.clipboard.writeText(table());
  } catch {
    const area = element("textarea", { "aria-label": tr("Corrections") });
    area.value = table();
    tools.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(tr("Copied."));
}

/** @param {HTMLInputElement} field */
async function read(field) {
  const file = field.files?.[0];
  if (!file) return;
  try {
    const number = takeOver(await file.text());
    say(tr("Corrections taken over from {file}: {number}.", { file: file.name, number }));
    keep();
  } catch (error) {
    say(`${file.name}: ${error instanceof Error ? error.message : error}`);
  }
  field.value = "";
}

/** Forget everything, at the second press. @param {HTMLButtonElement} pressed */
function clear(pressed) {
  if (pressed.textContent === tr("Clear")) {
    pressed.textContent = tr("Clear all of them");
    setTimeout(() => (pressed.textContent = tr("Clear")), 5000);
    return;
  }
  pressed.textContent = tr("Clear");
  const numbers = [...choices.keys()];
  choices.clear();
  others = [];
  numbers.forEach(show);
  total();
  keep();
  say(tr("Cleared."));
}

function start() {
  const field = element("input", { type: "file", accept: ".csv,text/csv", class: "hidden", tabindex: -1 });
  field.setAttribute("aria-label", tr("Import corrections"));
  field.onchange = () => read(field);
  const clearing = button({ type: "button", "data-needs": "" }, tr("Clear"), () => clear(clearing));
  tools.append(
    count,
    button(
      { type: "button", "data-needs": "", class: "main" },
      tr("Download {file}", { file: FILE }),
      download,
    ),
    button({ type: "button", "data-needs": "" }, tr("Copy"), copy),
    ...(savedAt() ? [] : [button({ type: "button" }, tr("Import"), () => field.click()), clearing, field]),
    status,
    ...(page.command
      ? [element("p", { class: "then" }, `${tr("Then")} `, element("code", {}, page.command))]
      : []),
  );
  const words = tr("Correct the label of any {noun} shown here, or exclude the {noun}.", {
    noun: page.noun,
  });
  const went = earlier.length
    ? ` ${tr("The file goes on from the corrections that this run applied: {count}.", { count: earlier.length })}`
    : "";
  const bar = byId("corrections");
  bar.append(toggle(), element("span", { class: "quiet" }, words + went));
  bar.hidden = false;
  document.getElementById("labels")?.after(element("p", { class: "corrections" }, toggle()));
  bar.after(tools); // so that the keyboard reaches them next
  document.addEventListener("keydown", (event) => {
    const isBelow = document.activeElement?.closest(".fix");
    if (event.key === "Escape" && isBelow) tools.querySelector("button")?.focus();
  });
  mark();
  if (savedAt()) {
    total();
    void takeOverSaved();
    return;
  }
  try {
    takeOver(localStorage.getItem(key) ?? tableOf([]));
  } catch {
    total();
  }
}

start();
