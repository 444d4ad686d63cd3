// Loss and accuracy over the epochs: train and validation, and the level of chance.
import { shown, svg } from "../../../reports/explain/script/dom.js";
import { worded } from "./words.js";
/** @import { CurvePoint } from "./state.js" */

/** Size of a plot and of its margins, in units of the drawing. */
const [PLOT_WIDTH, PLOT_HEIGHT] = [460, 180];
const MARGIN = { left: 44, right: 116, top: 10, bottom: 30 };

/**
 * One line of a plot.
 * @typedef {{ points: CurvePoint[], name: string, kind: "train" | "validation" | "other" }} Line
 */

/**
 * Draw the lines of a score with its axes; a level is a horizontal line with its name.
 * @param {SVGElement} plot @param {"loss" | "accuracy"} score @param {Line[]} lines
 * @param {{ at: number, name: string } | null} level
 */
export function drawCurves(plot, score, lines, level) {
  const every = lines.flatMap(({ points }) => points);
  const last = Math.max(1, ...every.map(({ at }) => at));
  const top = score === "accuracy" ? 1 : Math.max(level?.at ?? 0, ...every.map(({ loss }) => loss), 0.1);
  /** @param {number} at */
  const across = (at) => MARGIN.left + ((PLOT_WIDTH - MARGIN.left - MARGIN.right) * at) / last;
  /** @param {number} value */
  const down = (value) =>
    MARGIN.top + (PLOT_HEIGHT - MARGIN.top - MARGIN.bottom) * (1 - Math.min(value, top) / top);
  const right = PLOT_WIDTH - MARGIN.right;
  const parts = [
    textAt(MARGIN.left - 6, down(top) + 4, shown(top, 2), "end"),
    textAt(MARGIN.left - 6, down(0) + 4, "0", "end"),
    textAt(across(last), PLOT_HEIGHT - 12, shown(last, 3), "middle"),
    textAt((MARGIN.left + right) / 2, PLOT_HEIGHT - 2, worded("epochs"), "middle"),
    svg("path", { d: `M${MARGIN.left} ${MARGIN.top}V${down(0)}H${right}`, class: "axis" }),
  ];
  if (level) {
    const y = down(level.at);
    parts.push(svg("line", { x1: MARGIN.left, x2: right, y1: y, y2: y, class: "chance" }));
    parts.push(textAt(right + 6, y + 4, level.name, "start"));
  }
  const ends = lines
    .filter(({ points }) => points.length)
    .map((line) => ({ ...line, y: down(line.points[line.points.length - 1][score]) }))
    .sort((one, other) => one.y - other.y);
  let lowest = -Infinity;
  for (const { points, name, kind, y } of ends) {
    const places = points.map((point) => `${across(point.at).toFixed(1)},${down(point[score]).toFixed(1)}`);
    parts.push(svg("polyline", { points: places.join(" "), class: kind }));
    lowest = Math.max(lowest + 14, y + 4); // names do not lie on one another
    const value = shown(points[points.length - 1][score], 3);
    parts.push(textAt(right + 6, lowest, `${name} ${value}`, "start", kind));
  }
  plot.replaceChildren(...parts);
  plot.setAttribute("viewBox", `0 0 ${PLOT_WIDTH} ${PLOT_HEIGHT}`);
}

/** @param {number} x @param {number} y @param {string} words @param {string} anchor @param {string} [kind] */
function textAt(x, y, words, anchor, kind = "") {
  const made = svg("text", { x, y, "text-anchor": anchor, class: kind });
  made.textContent = words;
  return made;
}
