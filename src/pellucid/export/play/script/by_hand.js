// One step by hand: what each layer made and its gradient, the loss by its formula, and the update of one weight.
import {
  byId,
  cell,
  element,
  headOf,
  rowHead,
  selectOf,
  shown,
} from "../../../reports/explain/script/dom.js";
import { paintExample, paintMade } from "./pictures.js";
import { dataOf, state } from "./state.js";
import { wordOf, worded } from "./words.js";
/** @import { Checked, Stepped } from "./types.js" */

/** The number of a layer or weight as people call it: "dense1" is dense 1. @param {string} name */
export const layerWord = (name) => {
  const [, kind, number] = /^(.*?)(\d+)$/.exec(name) ?? ["", name, ""];
  return `${wordOf(kind)} ${number}`.trim();
};

/** The loss of one example, by its formula with numbers. @param {Stepped} step */
function lossWords({ loss, label, values }) {
  const outputs = Array.from(values[state.layers[state.layers.length - 1].name]);
  const name = dataOf().classes[label];
  if (state.design.loss === "cross-entropy") {
    const most = Math.max(...outputs);
    const powers = outputs.map((each) => Math.exp(each - most));
    const share = powers[label] / powers.reduce((sum, each) => sum + each, 0);
    const [own, sum] = [outputs[label], powers.reduce((whole, each) => whole + each, 0) * Math.exp(most)];
    const parts = { own: shown(own, 4), power: shown(Math.exp(own), 4), sum: shown(sum, 4) };
    return worded("lossCross", { ...parts, name, share: shown(share, 4), loss: shown(loss, 4) });
  }
  const key = state.design.loss === "hinge" ? "lossHinge" : "lossSquared";
  return worded(key, { name, own: shown(outputs[label], 4), loss: shown(loss, 4) });
}

/** The update of the weight, a line for each step of the optimiser's rule. @param {Stepped["weight"]} weight */
function updateWords({ before, after, gradient, state: kept }) {
  const parts = { before: shown(before, 6), after: shown(after, 6), gradient: shown(gradient, 4) };
  const rate = shown(state.design.rate, 3);
  if (state.design.optimiser === "gradient-descent") return [worded("updatePlain", { ...parts, rate })];
  if (state.design.optimiser === "momentum") {
    const [old, speed] = [kept.before.momentum, kept.after.momentum].map((each) => shown(each, 4));
    return [
      worded("updateSpeed", { ...parts, old, speed }),
      worded("updateMomentum", { ...parts, rate, speed }),
    ];
  }
  const [first, second] = [kept.after.first, kept.after.second];
  const [ofFirst, ofSecond] = kept.corrections;
  return [
    worded("updateFirst", { ...parts, old: shown(kept.before.first, 4), first: shown(first, 4) }),
    worded("updateSecond", { ...parts, old: shown(kept.before.second, 4), second: shown(second, 4) }),
    worded("updateCorrected", { first: shown(first / ofFirst, 4), second: shown(second / ofSecond, 4) }),
    worded("updateAdam", {
      ...parts,
      rate,
      first: shown(first / ofFirst, 4),
      second: shown(second / ofSecond, 4),
    }),
  ];
}

/** Fields that choose the weight whose update is shown next. @param {Stepped["weight"]} weight @param {(place: { layer: string, name: string, index: number }) => void} onWeight */
function weightFields({ layer, name, index, shape }, onWeight) {
  const tensors = state.layers.flatMap(({ name: own, weights }) =>
    weights.map((each) => `${own}.${each.name}`),
  );
  const options = tensors.map((value) => {
    const [own, each] = value.split(".");
    return { value, text: `${layerWord(own)}: ${wordOf(each)}`, selected: value === `${layer}.${name}` };
  });
  const select = selectOf("play-weight", options, (value) => {
    const [own, each] = value.split(".");
    onWeight({ layer: own, name: each, index: 0 });
  });
  const size = shape.reduce((whole, each) => whole * each, 1);
  const field = element("input", { type: "number", id: "play-index", min: 0, max: size - 1, value: index });
  field.onchange = () =>
    onWeight({ layer, name, index: Math.min(size - 1, Math.max(0, Number(field.value) || 0)) });
  return element(
    "p",
    { class: "fields" },
    element("label", { for: "play-weight" }, worded("weightOf")),
    select,
    element("label", { for: "play-index" }, worded("weightIndex", { size })),
    field,
  );
}

/** @param {Stepped} step @param {(place: { layer: string, name: string, index: number }) => void} onWeight */
export function showStep(step, onWeight) {
  const holder = byId("play-stepped");
  holder.hidden = false;
  const canvas = element("canvas", { class: "example", "aria-hidden": "true" });
  paintExample(canvas, dataOf(), step.example);
  const { train, classes } = dataOf();
  const point =
    train.inputs instanceof Float32Array
      ? train.inputs.subarray(2 * step.example, 2 * step.example + 2)
      : null;
  const where = point ? `(${Array.from(point, (each) => shown(each, 3)).join(", ")}) ` : "";
  const text = where + worded("stepOf", { name: classes[step.label] });
  const rows = state.layers.map(({ name, shape }) => {
    const [made, gradient] = [step.values[name], step.gradients[name]].map((numbers) => {
      const picture = element("canvas", { class: "made", "aria-hidden": "true" });
      paintMade(picture, shape, numbers);
      const ends = [Math.min(...numbers), Math.max(...numbers)]
        .map((each) => shown(each, 3))
        .join(" \u2026 ");
      return element("td", {}, picture, ` ${ends}`);
    });
    return element("tr", {}, rowHead(layerWord(name)), cell(shape.join("\u00d7")), made, gradient);
  });
  const { weight } = step;
  const terms = weight.terms.map(([above, seen]) =>
    element("tr", {}, cell(shown(above, 4)), cell(shown(seen, 4)), cell(shown(above * seen, 4))),
  );
  const sum = { count: weight.count, gradient: shown(weight.gradient, 4) };
  byId("play-step-parts").replaceChildren(
    element("p", { class: "fields" }, canvas, text),
    element(
      "table",
      {},
      headOf(["layer", "shape", "made", "gradientThere"].map(wordOf)),
      element("tbody", {}, ...rows),
    ),
    element("p", {}, lossWords(step)),
    weightFields(weight, onWeight),
    element("p", {}, worded(weight.count === 1 ? "gradientIsOne" : "gradientIs", sum)),
    element(
      "table",
      {},
      headOf(["above", "seenThere", "productOf"].map(wordOf)),
      element("tbody", {}, ...terms),
    ),
    element("ol", {}, ...updateWords(weight).map((line) => element("li", {}, line))),
  );
}

/** Gradients by back-propagation beside central differences. @param {Checked[]} checks */
export function showChecks(checks) {
  byId("play-checked").hidden = false;
  const worst = Math.max(...checks.map(({ relativeError }) => relativeError));
  const rows = checks.map(({ layer, name, index, byBackprop, byDifference, relativeError }) =>
    element(
      "tr",
      {},
      rowHead(`${layerWord(layer)}: ${wordOf(name)} [${index}]`),
      cell(shown(byBackprop, 7)),
      cell(shown(byDifference, 7)),
      cell(shown(relativeError, 2)),
    ),
  );
  const head = headOf(["weightPlace", "byBackprop", "byDifference", "relativeError"].map(wordOf));
  byId("play-check-parts").replaceChildren(
    element("p", {}, worded("checkWords", { count: checks.length, worst: shown(worst, 2) })),
    element("table", {}, head, element("tbody", {}, ...rows)),
  );
}
