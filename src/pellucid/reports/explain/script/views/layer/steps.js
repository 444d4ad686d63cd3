// How far the states of a whole recurrent layer move at each step, token by token.
import { value } from "../../arithmetic/values.js";
import { tokenAtStep } from "../../data/tokens.js";
import { element } from "../../dom/element.js";
import { shown } from "../../dom/numbers.js";
import { onColour } from "../../drawing/colours.js";
import { legend, scaleOf } from "../../drawing/scales.js";
/** @import { Layer, RecurrentKind, Whole } from "../../types.js" */

/** @param {Layer<RecurrentKind>} layer */
export function stepsView(layer) {
  const states = value(layer.name);
  if (!states || states.kept) return null;
  const moves = movesOf(states);
  const scale = scaleOf([0, ...moves]);
  const spans = moves.flatMap((move, t) => {
    const span = element("span", { title: shown(move, 3) }, tokenAtStep(layer, t));
    return [onColour(span, scale.colour(move)), " "];
  });
  const words =
    "How far the states of the layer move at each token (length of the change), in the order in which they are read.";
  return element(
    "div",
    {},
    element("h3", {}, "What each step adds"),
    element("p", { class: "quiet" }, words),
    element("p", { class: "pieces foreign" }, ...spans),
    legend(scale),
  );
}

/** @param {Whole} states */
function movesOf(states) {
  const [length, units] = states.shape;
  const nothing = new Float64Array(units);
  return Array.from({ length }, (_, t) => {
    const before = t ? states.row(t - 1) : nothing;
    return Math.hypot(...states.row(t).map((state, at) => state - before[at]));
  });
}
