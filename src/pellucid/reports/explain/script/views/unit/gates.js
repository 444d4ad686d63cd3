// The gates of one recurrent unit, and what each step keeps and adds, over the whole text.
import { GATES, isCandidate } from "../../arithmetic/cells.js";
import { tokenAtStep } from "../../data/tokens.js";
import { element } from "../../dom/element.js";
import { shown } from "../../dom/numbers.js";
import { headOf, rowHead, scrolling } from "../../dom/tables.js";
import { onColour } from "../../drawing/colours.js";
import { scaleOf } from "../../drawing/scales.js";
/** @import { Layer, PastStep, RecurrentKind, Scale } from "../../types.js" */

/** @typedef {{ name: string, of: (step: PastStep) => number, scale: Scale }} Column */

/**
 * @param {Layer<RecurrentKind>} layer
 * @param {number} place at which the unit stands
 * @param {PastStep[]} history
 */
export function gatesView(layer, place, history) {
  const columns = columnsOf(layer.kind, history);
  const rows = history.map((step, t) => {
    const cells = columns.map(({ of, scale }) =>
      onColour(element("td", {}, shown(of(step), 3)), scale.colour(of(step))),
    );
    const token = element("td", { class: "foreign" }, tokenAtStep(layer, t));
    return element("tr", { class: t === place ? "here" : null }, rowHead(String(t)), token, ...cells);
  });
  const head = headOf(["step", "token", ...columns.map(({ name }) => name)]);
  const table = element("table", { class: "gates" }, head, element("tbody", {}, ...rows));
  return element(
    "details",
    { open: true },
    element("summary", {}, "This unit over the whole text: its gates, and what each step adds"),
    scrolling("gates over the text", table, "scroll tall"),
  );
}

/**
 * @param {RecurrentKind} kind
 * @param {PastStep[]} history
 * @returns {Column[]}
 */
function columnsOf(kind, history) {
  /**
   * @param {string} name
   * @param {Column["of"]} of
   */
  const column = (name, of) => ({ name, of, scale: scaleOf(history.map(of)) });
  const [carries, kept, added] =
    kind === "lstm"
      ? ["memory", "f \u00d7 before", "i \u00d7 g"]
      : ["state", "z \u00d7 before", "(1 \u2212 z) \u00d7 g"];
  return [
    ...GATES[kind].map((name, gate) => ({
      name,
      of: (/** @type {PastStep} */ step) => step.gates[gate],
      scale: scaleOf(isCandidate(name) ? [-1, 1] : [0, 1]),
    })),
    column(`kept of the ${carries}: ${kept}`, (step) => step.kept),
    column(`added to the ${carries}: ${added}`, (step) => step.added),
    ...(kind === "lstm" ? [column("memory", (step) => step.memory)] : []),
    column("state", (step) => step.state),
  ];
}
