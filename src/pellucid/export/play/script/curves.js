// Loss and accuracy over the epochs: train and validation, and the level of chance.
import { shown, svg } from "../../../reports/explain/script/dom.js";
import { worded } from "./words.js";
/** @import { CurvePoint } from "./state.js" */

/** Size of a plot and of its margins, in units of the drawing. */
const [PLOT_WIDTH, PLOT_HEIGHT] = [476, 180];
const MARGIN = { left: 44, right: 132, top: 10, bottom: 30 };

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
  }
  const ends = level ? [{ y: down(level.at), words: level.name, kind: "" }] : [];
  for (const { points, name, kind } of lines.filter((line) => line.points.length)) {
    const places = points.map((point) => `${across(point.at).toFixed(1)},${down(point[score]).toFixed(1)}`);
    parts.push(svg("polyline", { points: places.join(" "), class: kind }));
    const value = points[points.length - 1][score];
    ends.push({
      y: down(value),
      words: `${name} ${value > 0 && value < 0.001 ? "< 0.001" : shown(value, 3)}`,
      kind,
    });
  }
  ends.sort((one, another) => one.y - another.y);
  // Names do not lie on one another: the lowest ones give way first, upwards where the plot ends.
  ends.forEach((end, at) => (end.y = Math.max(end.y, at ? ends[at - 1].y + 14 : 0)));
  let most = down(0);
  for (const { y, words, kind } of ends.reverse()) {
    parts.push(textAt(right + 6, Math.min(y, most) + 4, words, "start", kind));
    most = Math.min(y, most) - 14;
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
