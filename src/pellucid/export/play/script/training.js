// The part that trains: choices, orders to the engine, and everything that follows its reports.
import { button, byId, canvasById, element, shown } from "../../../reports/explain/script/dom.js";
import { legend } from "../../../reports/explain/script/drawing.js";
import { layerWord, showChecks, showStep } from "./by_hand.js";
import { showChoices } from "./choices.js";
import { drawCurves } from "./curves.js";
import { choicesOfPage } from "./data.js";
import { paintExample, paintMade, paintPlane, paintWeights } from "./pictures.js";
import { choice, dataOf, engine, state } from "./state.js";
import { wordAll, worded } from "./words.js";
/** @import { Checked, Progress, Stepped } from "./types.js" */

/** Points of a curve from which on every second one is left out. */
const MOST_POINTS = 600;
/** Weights whose gradients are checked. */
const CHECKED_WEIGHTS = 24;
/** Epochs after which a guess is compared with what came. */
const GUESSED_EPOCHS = 5;
/** Validation examples that may be pinned by a click. */
const PINNABLE = 8;

/** @type {{ worker: Worker | null, sent: object | null, isDrawn: boolean, stepped: Stepped | null, guess: number | null }} */
const here = { worker: null, sent: null, isDrawn: true, stepped: null, guess: null };

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
  for (const id of ["play-stepped", "play-checked", "play-compared"]) byId(id).hidden = true;
  here.sent = { do: "start", design: { ...state.design }, ...(data ? { data } : {}) };
  order(here.sent);
}

function beginWithData() {
  state.sendsData = true;
  begin();
}

/** @type {Record<string, (message: any) => void>} */
const REPORTS = {
  ready({ layers, parameters }) {
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
    compareGuess();
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
  if (latest.boundary) paintPlane(canvasById("play-plane"), data, latest.boundary);
  showPinned(latest);
  layers.forEach(({ name, shape }) => {
    const canvas = document.querySelector(`canvas[data-play-layer="${name}"]`);
    const made = latest.pinned?.values[name];
    if (canvas instanceof HTMLCanvasElement && made) paintMade(canvas, shape, made);
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
  const items = state.layers.map(({ name, shape, weights }) => {
    const size = weights.reduce((sum, each) => sum + each.shape.reduce((all, one) => all * one, 1), 0);
    const facts = `${shape.join("\u00d7")}${size ? ` \u00b7 ${worded("parameters", { count: size.toLocaleString("en") })}` : ""}`;
    return element(
      "li",
      {},
      element("canvas", { "data-play-layer": name, width: 1, height: 1, "aria-hidden": "true" }),
      element("strong", {}, layerWord(name)),
      element("span", { class: "quiet" }, facts),
    );
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
  byId("play-pinned-part").hidden = choice().kind === "points";
  if (choice().kind === "points") return;
  const count = Math.min(PINNABLE, validation.labels.length);
  const made = Array.from({ length: count }, (_, at) => {
    const label = worded("exampleOf", { number: at + 1, name: data.classes[validation.labels[at]] });
    const chosen = button({ class: "choice", "aria-pressed": String(at === state.pinned) }, "", () => {
      state.pinned = at;
      order({ do: "pin", example: at });
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

/** @param {Progress} latest */
function showPinned({ pinned }) {
  if (!pinned || choice().kind === "points") return;
  const data = dataOf();
  const label = data.validation.labels[state.pinned];
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
  const words = Object.entries(dead).map(([name, count]) => {
    const layer = state.layers.find((each) => each.name === name);
    return worded("deadIn", { count, all: layer?.shape[0] ?? 0, layer: layerWord(name) });
  });
  byId("play-dead").textContent = words.length ? `${worded("dead")} ${words.join("; ")}.` : "";
}

// Predict first: a guess before anything is shown.

function guess() {
  here.guess = Number(/** @type {HTMLInputElement} */ (byId("play-guess")).value) / 100;
  begin();
  byId("play-compared").hidden = true;
  state.isRunning = true;
  const steps = GUESSED_EPOCHS * Math.ceil(dataOf().train.labels.length / state.design.batch);
  order({ do: "run", most: steps });
}

function compareGuess() {
  const last = state.validation[state.validation.length - 1];
  if (here.guess === null || !last) return;
  const [guessed, reached] = [here.guess, last.accuracy].map((each) => `${(100 * each).toFixed(1)} %`);
  const points = (100 * Math.abs(last.accuracy - here.guess)).toFixed(1);
  const key =
    Math.abs(last.accuracy - here.guess) < 0.02
      ? "guessedWell"
      : last.accuracy > here.guess
        ? "guessedLow"
        : "guessedHigh";
  byId("play-compared").hidden = false;
  byId("play-compared").textContent = worded(key, { guessed, reached, points });
  here.guess = null;
}

// The beginning.

function sayEverything() {
  wordAll();
  showChoices(onDesign, beginWithData);
  if (!state.data) return;
  showNetwork();
  showPinnable();
  draw();
  if (here.stepped) REPORTS.step(here.stepped);
}

/** A change of the design begins anew once the hand rests. */
function onDesign() {
  state.weight = undefined;
  begin();
}

/** Start the part; once it is ready the engine has been started with the first choice. */
export async function startTraining() {
  state.choices = await choicesOfPage();
  here.worker = engine((message) => REPORTS[message.type]?.(message));
  byId("play-run").onclick = () => {
    state.isRunning = !state.isRunning;
    here.guess = null;
    order(state.isRunning ? { do: "run" } : { do: "pause" });
    showState();
  };
  byId("play-step").onclick = () => {
    if (state.isRunning) order({ do: "pause" });
    order({ do: "step", weight: state.weight });
  };
  byId("play-again").onclick = begin;
  byId("play-check").onclick = () => order({ do: "check", count: CHECKED_WEIGHTS });
  byId("play-predict").onclick = guess;
  const slider = /** @type {HTMLInputElement} */ (byId("play-guess"));
  slider.oninput = () => (byId("play-guessed").textContent = `${slider.value} %`);
  document.addEventListener("languagechange", sayEverything);
  wordAll();
  showChoices(onDesign, beginWithData);
  beginWithData();
}
