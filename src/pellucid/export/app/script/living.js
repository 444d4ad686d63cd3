// The network, alive: every layer follows the input, forwards and backwards, and any unit of it opens its arithmetic.
import { clamp, need } from "../../../reports/explain/script/arrays.js";
import { slopesOfLoss } from "../../../reports/explain/script/answer_slopes.js";
import { gradientsFrom } from "../../../reports/explain/script/backward.js";
import { openedAnswer } from "../../../reports/explain/script/decision.js";
import { byId, element, shown } from "../../../reports/explain/script/dom.js";
import { drawDrivers, drawStages } from "../../../reports/explain/script/drivers.js";
import { thumbnail } from "../../../reports/explain/script/drawing.js";
import {
  drawLayer,
  drawUnit,
  loudestUnit,
  startCopying,
  startMaps,
  startStrip,
  startUnits,
  startViews,
  stripButtons,
} from "../../../reports/explain/script/page.js";
import { allTabs, current, onView } from "../../../reports/explain/script/views.js";
import { keep, pageData, shownLayers, stored } from "../../../reports/explain/script/page_data.js";
import { forgetValues, picturedNumbers } from "../../../reports/explain/script/values.js";
import { app } from "./app.js";
import { decision, digits } from "./decision.js";
import { say } from "./words/language.js";
/** @import { OpenedAnswer } from "./types.js" */

/**
 * The input that is shown: what is answered of it, its label where it is an example, and whether gradients are of it.
 * @type {{ answer: OpenedAnswer | null, label: string | null, isBackward: boolean, isStarted: boolean }}
 */
const living = { answer: null, label: null, isBackward: false, isStarted: false };

/**
 * Show every layer as it is for an input.
 * @param {OpenedAnswer} answer @param {string | null} label
 */
export function showNetwork(answer, label) {
  for (const [name, found] of answer.values) keep(name, found);
  forgetValues();
  Object.assign(living, { answer, label, isBackward: false });
  if (!shownLayers.length) {
    if (!living.isStarted && allTabs().length) startViews();
    living.isStarted = true;
    return;
  }
  drawStages();
  drawBars(answer.said);
  if (current.view === "backward") goBack();
  if (living.isStarted) drawAnew();
  else startNetwork();
}

function startNetwork() {
  living.isStarted = true;
  startUnits();
  onView.act = (view) => {
    if (view === "backward") goBack();
  };
  startStrip();
  startMaps();
  startCopying();
  startAgainst();
  startViews();
  if (pageData.drivers) {
    drawDrivers();
    document.addEventListener("languagechange", drawDrivers);
  }
}

function drawAnew() {
  const buttons = stripButtons();
  shownLayers.forEach((layer, at) => {
    const canvas = buttons[at].querySelector("canvas");
    if (canvas) thumbnail(canvas, picturedNumbers(layer));
  });
  const { pinned } = current;
  if (!pinned) return;
  // The unit that was chosen stays, in a text that has become shorter the last one; else it is the strongest here.
  const { layer, unit } = pinned;
  pinned.unit = current.isAsked ? clamp(unit, layer.shape) : loudestUnit(layer);
  drawLayer(layer);
  drawUnit(pinned);
}

/** The most probable classes at the end of the overview. @param {number[]} said */
function drawBars(said) {
  const holder = document.querySelector("#overview .picture.bars");
  holder?.replaceChildren(
    ...decision
      .sorted(said)
      .slice(0, 3)
      .map((at) => {
        const bar = element("span", { class: "bar" });
        bar.style.setProperty("--share", String(said[at]));
        return element(
          "span",
          {},
          element("span", { class: "foreign" }, app.classes[at]),
          bar,
          digits(said[at]),
        );
      }),
  );
}

// Backwards: the loss, and its gradient at every layer.

/** The class that the loss is against: the one that was chosen, that of the example, or the one that is answered. */
function classAgainst() {
  const chosen = /** @type {HTMLSelectElement} */ (byId("against")).value;
  if (chosen) return Number(chosen);
  const own = app.classes.indexOf(living.label ?? "");
  return own >= 0 ? own : decision.explained(need(living.answer).said);
}

/** Give every layer the gradient of the loss for the input that is shown. */
function goBack() {
  if (!living.answer || living.isBackward) return;
  living.isBackward = true;
  const { said, values } = living.answer;
  pageData.against = decision.against(said, decision.isChosen ? classAgainst() : null);
  const outputs = Array.from(need(values.get(pageData.output)).data);
  const start = new Map([[pageData.output, slopesOfLoss(outputs, pageData.against)]]);
  const run = { layers: pageData.layers, values, weights: stored, Kind: Float32Array };
  for (const [name, gradient] of gradientsFrom(run, start)) keep(name, gradient);
  byId("loss-words").textContent = say(decision.words.loss, {
    label: decision.isChosen ? app.classes[classAgainst()] : "",
    loss: shown(openedAnswer.loss(outputs, pageData.against), 6),
  });
}

/** Let people choose the class that the loss is against. */
function startAgainst() {
  if (!decision.isChosen || !document.getElementById("tab-backward")) return;
  const select = /** @type {HTMLSelectElement} */ (byId("against"));
  byId("against-label").hidden = false;
  const names = app.classes.map((name, at) => element("option", { value: String(at) }, name));
  const own = element("option", { value: "", "data-say": "againstOwn" }, say("againstOwn"));
  select.replaceChildren(own, ...names);
  select.onchange = () => {
    living.isBackward = false;
    goBack();
    drawAnew();
  };
}
