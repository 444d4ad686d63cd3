// The pinned unit: its index, its arithmetic or gradients, its weights, and what it sees.
import { replacedAt } from "../data/arrays.js";
import { indexField } from "../dom/controls.js";
import { byId } from "../dom/element.js";
import { indexText } from "../dom/numbers.js";
import { actions } from "../views/actions.js";
import { backwardView } from "../views/gradient/backward.js";
import { kernelsOf } from "../views/layer/kernels.js";
import { arithmeticText, arithmeticView } from "../views/unit/arithmetic.js";
import { drawField } from "./field.js";
import { outlineUnit } from "./maps.js";
import { current } from "./state.js";
/** @import { Pinned } from "../types.js" */

/** Names of the axes of a layer that has so many. */
const AXIS_NAMES = [[], ["unit"], ["place", "channel"], ["channel", "row", "column"]];
const ATTENTION_AXES = ["head", "query token", "key token"];

/** @param {Pinned} pinned */
export function drawUnit(pinned) {
  const { layer, unit } = pinned;
  outlineUnit(unit);
  byId("unit-inputs").replaceChildren(...unitInputs(pinned));
  const { parts, found } = arithmeticView(layer, unit);
  byId("unit-title").textContent = `Unit ${indexText(unit)}`;
  const arithmetic = byId("arithmetic");
  arithmetic.replaceChildren(...(current.view === "backward" ? backwardView(pinned, found) : parts));
  arithmetic.dataset.difference = found ? String(found.difference / Math.max(found.magnitude, 1e-30)) : "";
  byId("as-text").textContent = found ? arithmeticText(layer, unit, found) : "";
  byId("copy-holder").hidden = !found;
  byId("kernels").replaceChildren(...kernelsOf(layer, unit));
  drawField(pinned);
}

/** @param {Pinned} pinned */
const unitInputs = ({ layer, unit }) =>
  unit.map((value, axis) => {
    const id = `unit-${axis}`;
    const name = (layer.kind === "attention-weights" ? ATTENTION_AXES : AXIS_NAMES[unit.length])[axis];
    return indexField(id, name, { value, size: layer.shape[axis] }, (at) =>
      actions.pinUnit(replacedAt(unit, axis, at), id),
    );
  });
