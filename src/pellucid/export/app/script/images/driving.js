// What in the image drove the answer: maps over it, by the explanations that the page computes.
import { need } from "../../../../reports/explain/script/arrays.js";
import { slopesOfScore } from "../../../../reports/explain/script/answer_slopes.js";
import {
  gradCam,
  inputTimesGradient,
  integratedGradients,
  occlusion,
  paintOf,
} from "../../../../reports/explain/script/attributions.js";
import { gradientsFrom } from "../../../../reports/explain/script/backward.js";
import { byId, canvasById } from "../../../../reports/explain/script/dom.js";
import { centredScale, legend, paintPixels, scaleOf } from "../../../../reports/explain/script/drawing.js";
import { pageData, stored } from "../../../../reports/explain/script/page_data.js";
import { runNetwork } from "../answer.js";
import { app } from "../app.js";
import { decision } from "../decision.js";
/** @import { Run, Whole } from "../../../../reports/explain/script/types.js" */
/** @import { OpenedAnswer } from "../types.js" */

/** Milliseconds without a change after which what takes many passes through the network is computed. */
const PAUSE_OF_HAND = 150;
/** Steps on the way from the mean colour to the image. */
const STEPS_OF_WAY = 32;

/** @param {Map<string, Whole>} values @returns {Run} */
const runOf = (values) => ({ layers: pageData.layers, values, weights: stored, Kind: Float32Array });

/** @param {Whole} inputs */
const runOn = (inputs) => runOf(runNetwork(inputs, pageData.layers));

/** Slopes of the score that is explained, at the outputs. @param {Run} run @param {number} best */
function startOf({ values }, best) {
  const { data } = need(values.get(pageData.output));
  return new Map([[pageData.output, slopesOfScore(app.answer, data, best)]]);
}

/** @type {Record<string, (run: Run, best: number) => Whole | null>} a number for each pixel or cell, by the explanation */
const MAPS = {
  "grad-cam": (run, best) => gradCam(run, startOf(run, best)),
  "input-gradient": (run, best) =>
    inputTimesGradient(
      inputsOf(run),
      need(gradientsFrom(run, startOf(run, best)).get("gradient:inputs")).data,
    ),
  "integrated-gradients": (run, best) => {
    const inputs = inputsOf(run);
    return integratedGradients(runOn, (each) => startOf(each, best), inputs, paintOf(inputs), STEPS_OF_WAY);
  },
  occlusion: (run, best) => {
    const { temperature } = app.members[0];
    const said = (/** @type {Whole} */ image) =>
      decision.said(Float64Array.from(need(runOn(image).values.get(pageData.output)).data), temperature)[
        best
      ];
    return occlusion(inputsOf(run), said);
  },
};

/** Explanations of a single pass, which follow the pen. */
const AT_ONCE = ["grad-cam", "input-gradient"];

/** @param {Run} run */
const inputsOf = ({ values }) => need(values.get("inputs"));

/** @type {{ timer: ReturnType<typeof setTimeout> | undefined }} */
const drawnLater = { timer: undefined };

/** Draw what drove an answer, now, or once the hand rests. @param {OpenedAnswer} answer */
export function showDriving(answer) {
  const select = document.getElementById("drove-by");
  if (!(select instanceof HTMLSelectElement)) return;
  select.onchange = () => showDriving(answer);
  clearTimeout(drawnLater.timer);
  if (AT_ONCE.includes(select.value)) drawMap(select.value, answer);
  else drawnLater.timer = setTimeout(() => drawMap(select.value, answer), PAUSE_OF_HAND);
}

/** @param {string} by the explanation @param {Pick<OpenedAnswer, "said" | "values">} answer */
function drawMap(by, { said, values }) {
  const map = MAPS[by](runOf(values), decision.explained(said));
  if (!map) {
    // A network without maps has no Grad-CAM.
    const select = /** @type {HTMLSelectElement} */ (byId("drove-by"));
    select.querySelector(`[value="${by}"]`)?.remove();
    drawMap(select.value, { said, values });
    return;
  }
  const scale = by === "grad-cam" ? scaleOf(map.data) : centredScale(Math.max(...map.data.map(Math.abs)));
  paintPixels(canvasById("heat"), map.shape, map.data, scale);
  byId("heat-legend").replaceChildren(legend(scale));
}
