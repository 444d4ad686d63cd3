// The page as what answers: its model run in the browser, with every member, layer and decision of it opened.
import { clamp } from "../../../reports/explain/script/arrays.js";
import { byId, shown } from "../../../reports/explain/script/dom.js";
import { thumbnail } from "../../../reports/explain/script/drawing.js";
import {
  chooseLayer,
  current,
  drawLayer,
  drawUnit,
  loudestUnit,
  pinUnit,
  placeInAddress,
  startCopying,
  startMaps,
  startStrip,
  stripButtons,
} from "../../../reports/explain/script/page.js";
import { keep, shownLayers } from "../../../reports/explain/script/page_data.js";
import { actions } from "../../../reports/explain/script/unit_views.js";
import { forgetValues, layerValue } from "../../../reports/explain/script/values.js";
import { answered } from "./answer.js";
import { app } from "./app.js";
import { decision } from "./decision.js";
import { sentence, showDecision, tableOfRows } from "./opened_models.js";
import { opening } from "./opening.js";
import { say } from "./words/language.js";
/** @import { Whole } from "../../../reports/explain/script/types.js" */
/** @import { InputKind, OpenedAnswer, Way } from "./types.js" */

// The members of an average: what each says, times its share of the weights, adds up to the answer.

/** @param {OpenedAnswer} answer */
function showMembers({ said, parts }) {
  if (app.members.length === 1) return;
  const best = decision.explained(said);
  const label = app.classes[best] ?? "";
  const whole = app.members.reduce((sum, { weight }) => sum + weight, 0);
  const adds = app.members.map(({ share }, place) => share * parts[place].said[best]);
  /** @type {[string, string, string, string][]} */
  const rows = app.members.map(({ name, weight }, place) => [
    name,
    shown(parts[place].said[best], 4),
    `${weight} / ${whole}`,
    shown(adds[place], 4),
  ]);
  const sum = shown(
    adds.reduce((total, each) => total + each, 0),
    4,
  );
  const tempered = app.temperature === 1 ? null : decision.words.tempered;
  const after = { temperature: shown(app.temperature, 4), probability: shown(said[best], 4) };
  const onOpened = app.members.filter(({ body }) => body === app.opened);
  const { name: opened } = onOpened.find(({ predictor }) => !predictor) ?? onOpened[0];
  const layersOfMember = document.getElementById("glass-of");
  if (layersOfMember) layersOfMember.textContent = say("layersOf", { name: opened });
  byId("members").hidden = false;
  byId("member-terms").replaceChildren(
    sentence(decision.words.members, { sum, label }),
    tableOfRows("membersTitle", ["model", "columnSays", "columnShare", "columnAdds"], rows),
    ...(tempered ? [sentence(tempered, after)] : []),
  );
}

// The network, alive: every layer follows the input, and any unit of it opens its arithmetic.

/** @type {{ canvases: (HTMLCanvasElement | null)[], isStarted: boolean }} */
const glass = { canvases: [], isStarted: false };

/** Show every layer as it is for an input. @param {Map<string, Whole>} values */
function showValues(values) {
  for (const [name, found] of values) keep(name, found);
  forgetValues();
  if (!shownLayers.length) return;
  if (glass.isStarted) drawAnew();
  else startGlass();
}

function startGlass() {
  glass.isStarted = true;
  Object.assign(actions, { pinUnit });
  glass.canvases = [...stripButtons()].map((each) => each.querySelector("canvas"));
  startStrip();
  startMaps();
  startCopying();
  openPlace();
  window.onhashchange = () => {
    if (location.hash.includes("/")) openPlace();
  };
}

function openPlace() {
  const { layer, unit } = placeInAddress();
  if (layer) chooseLayer(layer, unit);
}

function drawAnew() {
  shownLayers.forEach((layer, at) => {
    const canvas = glass.canvases[at];
    if (canvas) thumbnail(canvas, layerValue(layer.name));
  });
  const { pinned } = current;
  if (!pinned) return;
  // The unit that was chosen stays, in a text that has become shorter the last one; else it is the strongest here.
  const { layer, unit } = pinned;
  pinned.unit = current.isAsked ? clamp(unit, layer.shape) : loudestUnit(layer);
  drawLayer(pinned.layer);
  drawUnit(pinned);
}

// The model as what answers inputs of a kind.

/** Whether something below the bars explains a single label: words, members or a classical model. */
const isExplained =
  app.members.length > 1 ||
  document.getElementById("drove") !== null ||
  app.members.some(({ predictor }) => predictor?.opened);

/** @template Ready @param {InputKind<Ready>} kind @returns {Way<Ready, OpenedAnswer>} */
export function inBrowser(kind) {
  /** @param {Ready} ready */
  const answer = (ready) => {
    const found = answered(kind, ready);
    kind.answered?.(ready);
    return found;
  };
  return {
    isExplained,
    opens: "opening",
    async start() {
      for (const [name, tensor] of await opening.weights(app.tensors)) keep(name, tensor);
    },
    answer,
    show(found) {
      showMembers(found);
      showValues(found.values);
      showDecision(found, kind.words);
    },
    hide() {
      for (const id of ["members", "decision"]) {
        const part = document.getElementById(id);
        if (part) part.hidden = true;
      }
    },
    open: (ready) => showValues(answer(ready).values),
    inputs: (ready) => Array.from(kind.inputs(ready, app.bodies[app.opened], false).data),
  };
}
