// Controls: data as pictures, the network and how it learns as lists and sliders.
import { button, byId, element, selectOf, shown } from "../../../reports/explain/script/dom.js";
import { choice, choose, state } from "./state.js";
import { paintExample } from "./pictures.js";
import { wordOf, worded } from "./words.js";
/** @import { Design } from "./types.js" */

const WIDTHS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];
const RATES = [-4, -3, -2, -1, 0].flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const TENTHS = Array.from({ length: 9 }, (_, at) => at / 10);
const NOISES = Array.from({ length: 16 }, (_, at) => at / 50);
const MOST_FILTERS = 32;

/** @type {Record<string, string[]>} */
const LISTS = {
  model: [],
  activation: ["relu", "leaky-relu", "tanh", "sigmoid", "gelu"],
  loss: ["cross-entropy", "squared-error", "hinge"],
  optimiser: ["gradient-descent", "momentum", "adam"],
  precision: ["float32", "float64"],
};
/** @type {Record<string, string[]>} */
const MODELS = { points: ["mlp", "perceptron"], image: ["mlp", "cnn", "perceptron"], text: ["bag"] };

/** Whether a setting has a meaning for a network. @param {string} name @param {Design} design */
function isOf(name, { model, depth }) {
  if (name === "kernel") return model === "cnn";
  if (name === "activation") return model !== "perceptron" && (model !== "bag" || depth > 1);
  return !["depth", "width", "dropout"].includes(name) || model !== "perceptron";
}

/** Values that a setting may have. @param {string} name */
function valuesOf(name) {
  const isCnn = state.design.model === "cnn";
  if (name === "depth") return isCnn ? [1, 2, 3] : [1, 2, 3, 4];
  if (name === "kernel") return [3, 5];
  if (name === "width") return isCnn ? WIDTHS.filter((each) => each <= MOST_FILTERS) : WIDTHS;
  return { dropout: TENTHS, rate: RATES, batch: BATCHES, noise: NOISES }[name] ?? [];
}

/** @param {string} name @param {number[]} values @param {number} now @param {(value: number) => void} onValue */
function slider(name, values, now, onValue) {
  const id = `play-${name}`;
  const at = values.reduce(
    (best, each, own) => (Math.abs(each - now) < Math.abs(values[best] - now) ? own : best),
    0,
  );
  const text = (/** @type {number} */ place) => shown(values[place], 3);
  const output = element("output", { for: id }, text(at));
  const field = element("input", { type: "range", id, min: 0, max: values.length - 1, value: at });
  field.setAttribute("aria-valuetext", text(at));
  field.oninput = () => {
    output.textContent = text(Number(field.value));
    field.setAttribute("aria-valuetext", text(Number(field.value)));
    onValue(values[Number(field.value)]);
  };
  return element("div", { class: "setting" }, element("label", { for: id }, wordOf(name)), output, field);
}

/** @param {string} name @param {string[]} names @param {string} now @param {(value: string) => void} onValue */
function list(name, names, now, onValue) {
  const options = names.map((value) => ({ value, text: wordOf(value), selected: value === now }));
  const field = selectOf(`play-${name}`, options, onValue);
  return element("div", { class: "setting" }, element("label", { for: field.id }, wordOf(name)), field);
}

/** A control of the design. @param {keyof Design} name @param {() => void} onChange */
function control(name, onChange) {
  /** @param {string | number} value */
  const set = (value) => {
    Object.assign(state.design, { [name]: value }, value === "cnn" ? { depth: 2, width: 8 } : {});
    if (name === "model" || name === "depth") showFitting(onChange);
    onChange();
  };
  const now = state.design[name];
  if (name === "seed") {
    const field = element("input", { type: "number", id: "play-seed", min: 0, max: 9999, value: now });
    field.oninput = () => field.value !== "" && set(Math.abs(Math.trunc(Number(field.value))));
    return element("div", { class: "setting" }, element("label", { for: field.id }, wordOf(name)), field);
  }
  if (typeof now === "number") return slider(name, valuesOf(name), now, set);
  return list(name, name === "model" ? MODELS[choice().kind] : LISTS[name], now, set);
}

/** Settings that only some networks have; what a network cannot have gets the nearest value that it can. @param {() => void} onChange */
function showFitting(onChange) {
  for (const name of /** @type {(keyof Design)[]} */ ([
    "depth",
    "width",
    "kernel",
    "activation",
    "dropout",
  ])) {
    const values = valuesOf(name);
    const now = state.design[name];
    if (values.length && typeof now === "number" && !values.includes(now)) {
      Object.assign(state.design, { [name]: Math.min(Math.max(...values), now) });
    }
    const old = byId(`play-${name}`);
    const isFocused = old === document.activeElement;
    const place = /** @type {HTMLElement} */ (old.parentElement);
    if (!isFocused) place.replaceWith(control(name, onChange));
    /** @type {HTMLElement} */ (byId(`play-${name}`).parentElement).hidden = !isOf(name, state.design);
  }
}

/** @param {() => void} onChange */
function noiseControl(onChange) {
  const made = slider("noise", valuesOf("noise"), state.noise, (value) => {
    state.noise = value;
    onChange();
  });
  made.hidden = choice().kind !== "points";
  return made;
}

/**
 * Write all controls.
 * @param {() => void} onDesign a change of the network or of how it learns @param {() => void} onData
 */
export function showChoices(onDesign, onData) {
  const onSeed = () => (choice().kind === "points" ? onData() : onDesign());
  const pictures = state.choices.map((each, at) => {
    const made = button(
      { type: "button", class: "choice", "aria-pressed": String(at === state.chosen) },
      "",
      () => {
        choose(at);
        showChoices(onDesign, onData);
        byId("play-data").querySelectorAll("button")[at].focus();
        onData();
      },
    );
    const canvas = element("canvas", { "aria-hidden": "true", width: 48, height: 48 });
    paintExample(canvas, each.made(state.design.seed, state.noise), 0);
    made.append(canvas, element("span", { class: "foreign" }, wordOf(each.name)));
    return element("li", {}, made);
  });
  const { note } = choice();
  const isEnglish = document.documentElement.lang === "en";
  byId("play-data").replaceChildren(
    element("ul", { class: "choices-of-data" }, ...pictures),
    element("p", { class: "quiet foreign" }, note ? (isEnglish ? note.en : note.zh) : worded("pointsNote")),
    noiseControl(onData),
  );
  /** @type {(keyof Design)[]} */
  const network = ["model", "depth", "width", "kernel", "activation", "dropout"];
  byId("play-network").replaceChildren(...network.map((name) => control(name, onDesign)));
  /** @type {(keyof Design)[]} */
  const learning = ["loss", "optimiser", "rate", "batch", "seed", "precision"];
  byId("play-learning").replaceChildren(
    ...learning.map((name) => control(name, name === "seed" ? onSeed : onDesign)),
  );
  showFitting(onDesign);
}
