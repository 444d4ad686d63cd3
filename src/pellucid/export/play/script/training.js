// The part that trains: choices, orders to the engine, and everything that follows its reports.
import { button, byId, canvasById, element, shown } from "../../../reports/explain/script/dom.js";
import { legend } from "../../../reports/explain/script/drawing.js";
import { layerWord, showChecks, showStep } from "./by_hand.js";
import { showChoices } from "./choices.js";
import { drawCurves } from "./curves.js";
import { choicesOfPage, idsOf } from "./data.js";
import { endGuess, forgetGuess, guess, sayGuessAgain, showGuessFields } from "./guess.js";
import { paintExample, paintLayer, paintMade, paintPlane, paintWeights } from "./pictures.js";
import { choice, choose, dataOf, engine, state } from "./state.js";
import { wordAll, worded } from "./words.js";
/** @import { Checked, Choice, Progress, Stepped } from "./types.js" */

/** Points of a curve from which on every second one is left out. */
const MOST_POINTS = 600;
/** Weights whose gradients are checked. */
const CHECKED_WEIGHTS = 12;
/** Validation examples that may be pinned by a click. */
const PINNABLE = 8;

/** @type {{ worker: Worker | null, sent: object | null, isDrawn: boolean, stepped: Stepped | null, awaited: number }} */
const here = { worker: null, sent: null, isDrawn: true, stepped: null, awaited: 0 };

/** @param {object} what */
const order = (what) => here.worker?.postMessage(what);

/** Begin anew: the same seed gives the same numbers. */
function begin() {
  const data = state.sendsData || !here.sent ? choice().made(state.design.seed, state.noise) : null;
  if (data) state.data = data;
  Object.assign(state, {
    train: [],
    validation: [],
    latest: null,
    failure: null,
    isRunning: false,
    sendsData: false,
  });
  here.stepped = null;
  forgetGuess();
  for (const id of ["play-stepped", "play-checked"]) byId(id).hidden = true;
  here.sent = { do: "start", design: { ...state.design }, ...(data ? { data } : {}) };
  here.awaited += 1;
  order(here.sent);
}

function beginWithData() {
  state.sendsData = true;
  begin();
}

/** @type {Record<string, (message: any) => void>} */
const REPORTS = {
  ready({ layers, parameters }) {
    here.awaited -= 1;
    if (here.awaited) return;
    Object.assign(state, { layers, parameters });
    showNetwork();
    showPinnable();
  },
  progress(/** @type {Progress} */ message) {
    state.latest = message;
    const { epoch: at, train, validation } = message;
    if (train) state.train = thinned([...state.train, { at, ...train }]);
    if (validation) state.validation = thinned([...state.validation, { at, ...validation }]);
    drawSoon();
  },
  paused() {
    state.isRunning = false;
    endGuess();
    showState();
  },
  step(/** @type {Stepped} */ message) {
    here.stepped = message;
    showStep(message, (place) => {
      state.weight = place;
      order({ do: "step", weight: place });
    });
  },
  check: ({ checks }) => showChecks(/** @type {Checked[]} */ (checks)),
  failed({ key, values }) {
    Object.assign(state, { failure: { key, values }, isRunning: false });
    showState();
  },
};

/** @template T @param {T[]} points */
const thinned = (points) =>
  points.length > MOST_POINTS ? points.filter((_, at) => at % 2 === 1 || at === points.length - 1) : points;

// What is drawn, once for each picture of the screen however many reports come.

function drawSoon() {
  if (!here.isDrawn) return;
  here.isDrawn = false;
  requestAnimationFrame(() => {
    here.isDrawn = true;
    draw();
  });
}

function draw() {
  const { latest, layers } = state;
  showState();
  showCurves();
  if (!latest) return;
  const data = dataOf();
  byId("play-plane-part").hidden = !latest.boundary;
  if (latest.boundary) paintPlane(canvasById("play-plane"), data, latest.boundary, state.pinned);
  showPinned(latest);
  layers.forEach(({ name, shape }) => {
    const canvas = document.querySelector(`canvas[data-play-layer="${name}"]`);
    const made = latest.pinned?.values[name];
    if (!(canvas instanceof HTMLCanvasElement) || !made) return;
    paintMade(canvas, shape, made);
    if (name !== state.shownLayer) return;
    byId("play-layer-name").textContent = layerWord(name);
    byId("play-layer-legend").replaceChildren(legend(paintLayer(canvasById("play-layer"), shape, made)));
  });
  const first = layers.find(({ weights }) => weights.length);
  const scale =
    first &&
    latest.first &&
    paintWeights(canvasById("play-first"), first.weights[0].shape, latest.first, data);
  byId("play-first-part").hidden = !scale;
  if (scale) byId("play-first-legend").replaceChildren(legend(scale));
  showDead(latest);
}

function showState() {
  const { latest, isRunning, failure } = state;
  const run = byId("play-run");
  run.textContent = worded(isRunning ? "pause" : "run");
  run.setAttribute("aria-pressed", String(isRunning));
  const parts = {
    step: latest?.step ?? 0,
    epoch: shown(latest?.epoch ?? 0, 3),
    speed: latest?.perSecond ? Math.round(latest.perSecond).toLocaleString("en") : "\u2013",
  };
  byId("play-state").textContent = failure
    ? worded("diverged", { step: failure.values.step })
    : worded("stateIs", parts);
  byId("play-state").classList.toggle("failed", failure !== null);
}

function showCurves() {
  const data = dataOf();
  const counts = data.classes.map((_, at) => data.train.labels.filter((label) => label === at).length);
  const chance = Math.max(...counts) / data.train.labels.length;
  for (const score of /** @type {const} */ (["loss", "accuracy"])) {
    /** @type {import("./curves.js").Line[]} */
    const lines = [
      { points: state.train, name: worded("train"), kind: "train" },
      { points: state.other, name: worded("faster"), kind: "other" },
      { points: state.validation, name: worded("validation"), kind: "validation" },
    ];
    const isEntropy = state.design.loss === "cross-entropy";
    const even = isEntropy ? { at: Math.log(data.classes.length), name: worded("evenLoss") } : null;
    const level = score === "accuracy" ? { at: chance, name: worded("chance") } : even;
    const plot = /** @type {unknown} */ (byId(`play-${score}-plot`));
    drawCurves(/** @type {SVGElement} */ (plot), score, lines, level);
  }
}

/** The layers one behind the other, with what each makes of the pinned example. */
function showNetwork() {
  const [first] = state.layers;
  if (!first) return;
  if (!state.layers.some(({ name }) => name === state.shownLayer)) state.shownLayer = first.name;
  const items = state.layers.map(({ name, shape, weights }) => {
    const size = weights.reduce((sum, each) => sum + each.shape.reduce((all, one) => all * one, 1), 0);
    const facts = `${shape.join("\u00d7")}${size ? ` \u00b7 ${worded("parameters", { count: size.toLocaleString("en") })}` : ""}`;
    const chosen = button({ class: "choice", "aria-pressed": String(name === state.shownLayer) }, "", () => {
      state.shownLayer = name;
      showNetwork();
      draw();
      /** @type {NodeListOf<HTMLElement>} */
      const buttons = byId("play-layers").querySelectorAll("[aria-pressed=true]");
      buttons[0].focus();
    });
    chosen.append(
      element("canvas", { "data-play-layer": name, width: 1, height: 1, "aria-hidden": "true" }),
      element("strong", {}, layerWord(name)),
      element("span", { class: "quiet" }, facts),
    );
    return element("li", {}, chosen);
  });
  byId("play-layers").replaceChildren(...items);
  byId("play-parameters").textContent = worded("allParameters", {
    count: state.parameters.toLocaleString("en"),
  });
}

/** Examples of validation, one of which may be pinned. */
function showPinnable() {
  const data = dataOf();
  const { validation } = data;
  byId("play-pinned-part").hidden = false;
  byId("play-typed-part").hidden = choice().kind !== "text";
  if (choice().kind === "points") {
    showPoint();
    return;
  }
  const count = Math.min(PINNABLE, validation.labels.length);
  const made = Array.from({ length: count }, (_, at) => {
    const label = worded("exampleOf", { number: at + 1, name: data.classes[validation.labels[at]] });
    const chosen = button({ class: "choice", "aria-pressed": String(at === state.pinned) }, "", () => {
      pin(at);
      showPinnable();
    });
    const text = choice().texts?.[at];
    if (text) chosen.append(element("span", { class: "foreign" }, [...text].slice(0, 60).join("")));
    else {
      const canvas = element("canvas", { "aria-hidden": "true" });
      paintExample(canvas, data, at, validation);
      chosen.append(canvas, element("span", { class: "hidden" }, label));
    }
    return element("li", {}, chosen);
  });
  const isFocused = byId("play-pinnable").contains(document.activeElement);
  byId("play-pinnable").replaceChildren(...made);
  if (isFocused) byId("play-pinnable").querySelectorAll("button")[state.pinned].focus();
}

/** @param {number} example */
function pin(example) {
  state.pinned = example;
  state.isTyped = false;
  order({ do: "pin", example });
}

/** The point that is followed, and the next one. */
function showPoint() {
  const { validation, classes } = dataOf();
  const { inputs, labels } = validation;
  const follow = (/** @type {number} */ at) => {
    pin(at);
    showPoint();
  };
  if (!(inputs instanceof Float32Array)) return;
  const place = Array.from(inputs.subarray(2 * state.pinned, 2 * state.pinned + 2), (each) => shown(each, 3));
  const parts = { number: state.pinned + 1, place: place.join(", "), name: classes[labels[state.pinned]] };
  const isFocused = byId("play-pinnable").contains(document.activeElement);
  const next = button({ class: "plain-button" }, worded("nextPoint"), () =>
    follow((state.pinned + 1) % labels.length),
  );
  byId("play-pinnable").replaceChildren(element("li", {}, worded("pointOf", parts)), element("li", {}, next));
  if (isFocused) next.focus();
  canvasById("play-plane").onclick = ({ offsetX, offsetY }) => {
    const { clientWidth: side } = byId("play-plane");
    const reach = state.latest?.boundary?.reach ?? 1;
    const [x, y] = [(2 * offsetX) / side - 1, 1 - (2 * offsetY) / side].map((each) => each * reach);
    const distances = Array.from(labels, (_, at) => Math.hypot(inputs[2 * at] - x, inputs[2 * at + 1] - y));
    follow(distances.indexOf(Math.min(...distances)));
  };
}

/** Follow a text that one types. @param {string} text */
function pinText(text) {
  const { words } = choice();
  if (!words) return;
  state.isTyped = text.trim() !== "";
  const examples = state.isTyped ? { inputs: idsOf([text], words), labels: new Uint8Array(1) } : undefined;
  order({ do: "pin", example: examples ? 0 : state.pinned, examples });
}

/** @param {Progress} latest */
function showPinned({ pinned }) {
  if (!pinned) return;
  const data = dataOf();
  const label = state.isTyped ? -1 : data.validation.labels[state.pinned];
  const rows = Array.from(pinned.probabilities, (share, at) => {
    const bar = element("span", { class: "bar" });
    bar.style.setProperty("--share", String(share));
    const name = element(
      "th",
      { scope: "row", class: "foreign" },
      data.classes[at],
      at === label ? ` (${worded("itsLabel")})` : "",
    );
    return element(
      "tr",
      at === label ? { class: "target" } : {},
      name,
      element("td", {}, bar, share.toFixed(3)),
    );
  });
  byId("play-bars").replaceChildren(element("table", { class: "answers" }, element("tbody", {}, ...rows)));
}

/** @param {Progress} latest */
function showDead({ dead = {} }) {
  const words = Object.entries(dead)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => {
      const layer = state.layers.find((each) => each.name === name);
      return worded("deadIn", { count, all: layer?.shape[0] ?? 0, layer: layerWord(name) });
    });
  byId("play-dead").textContent = words.length
    ? `${worded("dead")} ${words.join("; ")}.`
    : Object.keys(dead).length
      ? worded("noneDead")
      : "";
}

// The beginning.

function sayEverything() {
  wordAll();
  showChoices(onDesign, beginWithData);
  if (!state.data) return;
  showGuessFields();
  showNetwork();
  showPinnable();
  draw();
  sayGuessAgain();
  if (here.stepped) REPORTS.step(here.stepped);
}

/** A change of the design begins anew once the hand rests. */
function onDesign() {
  state.weight = undefined;
  begin();
}

/**
 * Start the part; once it is ready the engine has been started with a choice of data: the first that is `wanted`.
 * @param {(each: Choice) => boolean} [wanted]
 */
export async function startTraining(wanted = () => true) {
  state.choices = await choicesOfPage();
  // Until the engine is ready, what it reports is of the network before.
  here.worker = engine((message) => {
    if (!here.awaited || message.type === "ready") REPORTS[message.type]?.(message);
  });
  byId("play-run").onclick = () => {
    state.isRunning = !state.isRunning;
    order(state.isRunning ? { do: "run" } : { do: "pause" });
    showState();
  };
  byId("play-step").onclick = () => {
    if (state.isRunning) order({ do: "pause" });
    order({ do: "step", weight: state.weight });
  };
  byId("play-again").onclick = begin;
  byId("play-check").onclick = () => order({ do: "check", count: CHECKED_WEIGHTS });
  const run = (/** @type {number} */ most) => {
    state.isRunning = true;
    order({ do: "run", most });
  };
  byId("play-predict").onclick = () => guess(begin, run, drawSoon);
  const typed = /** @type {HTMLTextAreaElement} */ (byId("play-typed"));
  typed.oninput = () => pinText(typed.value);
  const slider = /** @type {HTMLInputElement} */ (byId("play-guess"));
  slider.oninput = () => (byId("play-guessed").textContent = `${slider.value} %`);
  document.addEventListener("languagechange", sayEverything);
  choose(state.choices.findIndex(wanted));
  wordAll();
  showGuessFields();
  showChoices(onDesign, beginWithData);
  beginWithData();
}
