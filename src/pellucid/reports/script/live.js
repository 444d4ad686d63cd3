// The page of a run under way: asks its run for news, and puts the sections of the report in their places.
import { byId, element } from "../explain/script/dom.js";
import { tr } from "./tr.js";

/**
 * News of a run. Words are made by the run; the page shows them.
 * @typedef {{
 *   token: string, state: "under way" | "finished" | "failed", title: string, version: number,
 *   share: number | null, words: string, left: string, figures: [string, string][], lines: string[],
 *   spoken: string, can_stop: boolean, is_stopping: boolean, message: string,
 * }} News
 */

/** Milliseconds between two questions, and after one that was not answered. */
const PAUSE = 1500;
const PAUSE_WITHOUT_ANSWER = 2000;

/** Milliseconds between two sentences for screen readers, which must not talk all the time. */
const BETWEEN_SENTENCES = 15000;

/** Pixels from the top of the page that count as its top. */
const TOP = 200;

/**
 * Give an element the attributes of another one; what a reader opened or closed stays so.
 * @param {Element} shown
 * @param {Element} fresh
 */
function takeAttributes(shown, fresh) {
  for (const { name } of [...shown.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") shown.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
}

/**
 * Whether two nodes are the same thing, now and later.
 * @param {Node} node
 * @param {Node} fresh
 */
function areAlike(node, fresh) {
  return (
    node.nodeName === fresh.nodeName &&
    (!(node instanceof Element) || node.id === /** @type {Element} */ (fresh).id)
  );
}

/**
 * Make the children of an element equal to those of another one. What came or went between the first and the last of
 * them leaves those after it as they are.
 * @param {Element} shown
 * @param {Element} fresh
 */
function makeChildrenEqual(shown, fresh) {
  const [before, wanted] = [[...shown.childNodes], [...fresh.childNodes]];
  const shorter = Math.min(before.length, wanted.length);
  /** @param {number} at @param {number} [other] */
  const match = (at, other = at) => areAlike(before[at], wanted[other]);
  let start = 0;
  while (start < shorter && match(start)) start += 1;
  let end = 0;
  while (end < shorter - start && match(before.length - 1 - end, wanted.length - 1 - end)) end += 1;
  const following = before[before.length - end] ?? null;
  before.slice(wanted.length - end, before.length - end).forEach((each) => each.remove());
  wanted.forEach((each, at) => {
    const fromEnd = wanted.length - at;
    if (fromEnd <= end) makeEqual(before[before.length - fromEnd], each);
    else if (at < before.length - end) makeEqual(before[at], each);
    else shown.insertBefore(document.importNode(each, true), following);
  });
}

/**
 * Make a node equal to another one, changing no more than differs: what is focused, selected or scrolled stays.
 * @param {Node} node
 * @param {Node} fresh
 */
function makeEqual(node, fresh) {
  if (node.isEqualNode(fresh)) return;
  const areElements = node instanceof Element && fresh instanceof Element;
  if (!areAlike(node, fresh)) {
    node.parentNode?.replaceChild(document.importNode(fresh, true), node);
  } else if (areElements) {
    takeAttributes(node, fresh);
    makeChildrenEqual(node, fresh);
  } else {
    node.nodeValue = fresh.nodeValue;
  }
}

/**
 * Put new sections in their places, by their names; some may come between others.
 * @param {Element} fresh
 */
function showSections(fresh) {
  const place = byId("sections");
  const wanted = [...fresh.children];
  for (const each of [...place.children]) {
    if (!wanted.some((other) => other.id === each.id)) each.remove();
  }
  wanted.forEach((each, at) => {
    const known = document.getElementById(each.id);
    if (known) makeEqual(known, each);
    else place.insertBefore(document.importNode(each, true), place.children[at] ?? null);
  });
}

/**
 * Set a text where it differs, so that a selection stays.
 * @param {string} name
 * @param {string} words
 */
function write(name, words) {
  if (byId(name).textContent !== words) byId(name).textContent = words;
}

const { token } = /** @type {{ token: string }} */ (JSON.parse(byId("page-data").textContent ?? ""));
const held = {
  version: -1,
  figures: "",
  spoken: "",
  spokenAt: 0,
  message: "",
  isOver: false,
  isStopping: false,
};

/** @param {string} words */
function complain(words) {
  write("problem", words);
  byId("problem").hidden = words === "";
}

/** @param {News} news */
function speak(news) {
  const now = Date.now();
  if (news.spoken === held.spoken || now - held.spokenAt < BETWEEN_SENTENCES) return;
  held.spoken = news.spoken;
  held.spokenAt = now;
  write("spoken", news.spoken);
}

/** @param {News} news */
function showFigures(news) {
  const figures = JSON.stringify(news.figures);
  if (figures !== held.figures) {
    held.figures = figures;
    const rows = news.figures.map(([name, value]) => {
      const row = document.createElement("div");
      row.append(element("dt", {}, name), element("dd", {}, value));
      return row;
    });
    byId("figures").replaceChildren(...rows);
  }
  const lines = byId("lines");
  news.lines.slice(lines.childElementCount).forEach((line) => lines.append(element("li", {}, line)));
}

/** @param {News} news */
function show(news) {
  write("now-title", news.title);
  document.title = `${news.words || news.title} · Pellucid`;
  const bar = /** @type {HTMLProgressElement} */ (byId("progress"));
  byId("bar").hidden = news.share === null;
  bar.value = news.share ?? 0;
  write("progress-words", news.words);
  write("left", news.left);
  showFigures(news);
  const isStopping = news.is_stopping || held.isStopping;
  byId("stopping").hidden = !news.can_stop && !isStopping;
  /** @type {HTMLButtonElement} */ (byId("stop")).disabled = isStopping;
  write("stop", isStopping ? tr("Training stops after this step") : tr("Stop training now"));
  if (!news.can_stop && !news.is_stopping) held.isStopping = false;
  speak(news);
}

/** The part of the report that is read just now, to be shown again by the finished one; "" at the top. */
function placeOfReader() {
  if (scrollY < TOP) return "";
  const sections = [...byId("sections").children];
  const read = sections.filter((each) => each.getBoundingClientRect().top < innerHeight / 2).pop();
  return read ? `#${read.id}` : "";
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
function ask(path, options) {
  return fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(10000) });
}

/** Ask for the sections, which the run makes no more often than it can afford. */
async function renew() {
  const reply = await ask(`/api/sections?have=${held.version}`);
  if (reply.status !== 200) return;
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  const parts = fresh.getElementById("parts");
  const sections = fresh.getElementById("sections");
  if (!parts || !sections) return;
  makeEqual(byId("parts"), parts);
  showSections(sections);
  held.version = Number(reply.headers.get("x-version"));
}

async function look() {
  const reply = await ask("/api/news");
  const news = /** @type {News} */ (await reply.json());
  if (news.token !== token) {
    location.reload(); // the run was resumed by another process, or another run is shown here now
    held.isOver = true;
    return;
  }
  held.message = news.message;
  complain(news.message);
  show(news);
  if (news.state === "finished") {
    held.isOver = true;
    location.replace(`/report.html${placeOfReader()}`);
    return;
  }
  if (news.version !== held.version) await renew();
}

async function watch() {
  let pause = PAUSE;
  try {
    if (!document.hidden) await look();
  } catch {
    pause = PAUSE_WITHOUT_ANSWER;
    complain(
      held.message ||
        tr(
          "The run does not answer: it has ended, or was stopped. What is shown is how far it had come. The same command with --resume goes on, and this page with it.",
        ),
    );
  }
  if (!held.isOver) setTimeout(watch, pause);
}

byId("stop").addEventListener("click", async () => {
  held.isStopping = true;
  /** @type {HTMLButtonElement} */ (byId("stop")).disabled = true;
  try {
    const reply = await ask("/api/stop", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (!reply.ok) throw new Error(String(reply.status));
  } catch {
    held.isStopping = false;
    complain(
      tr("The run did not take the request to stop; Ctrl-C in its terminal ends it, and --resume goes on."),
    );
  }
});

watch();
