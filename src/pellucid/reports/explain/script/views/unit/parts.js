// The parts of a calculation: a weighed sum, the window of a pool, the curve of an activation, a softmax.
import { largest } from "../../data/arrays.js";
import { fieldOf } from "../../arithmetic/fields.js";
import { told } from "../../data/told.js";
import { tokensBetween } from "../../data/tokens.js";
import { element, svg } from "../../dom/element.js";
import { counted, indexText, shown } from "../../dom/numbers.js";
import { cell, headOf, rowHead, scrolling } from "../../dom/tables.js";
import { productTable } from "./products.js";
import { squares } from "./squares.js";
/** @import { Choice, Layer, OpenedUnit, Unit, Weighing } from "../../types.js" */

const LARGEST_SQUARE = 64;

/** @param {Weighing} weighing */
export function weighingView(weighing) {
  const { name, shape, products, sum, bias, value } = weighing;
  const isSquare = shape.length === 3 && shape[1] * shape[2] <= LARGEST_SQUARE && shape[1] > 1;
  const table = productTable(weighing);
  const folded = element("details", {}, element("summary", {}, "The largest products"), table);
  const added = `sum of ${counted(products.length)} products ${shown(sum, 7)} + bias ${shown(bias)}`;
  return [
    ...(name ? [element("h3", { class: "gate" }, name)] : []),
    ...(isSquare ? [squares(weighing)] : []),
    isSquare || name ? folded : table,
    element("p", { class: "equation" }, `${added} = ${shown(value, 7)}`),
  ];
}

/**
 * The tokens that a place of a text sees.
 * @param {string} name of a layer
 * @param {Unit} unit
 */
export function gramAt(name, unit) {
  const field = fieldOf(name, unit);
  return field ? tokensBetween(...field[0]) : "the whole text";
}

/**
 * @param {Layer} layer
 * @param {Choice} choice
 * @param {number} value the largest number
 */
export function choiceView(layer, choice, value) {
  const [source] = layer.takes;
  const { data, shape, winner } = choice;
  const tokens = layer.kind === "text-max" ? `, which sees \u201c${gramAt(source, choice.source)}\u201d` : "";
  const equal = Array.from(data).filter((number) => number >= value - 1e-6 * Math.abs(value)).length;
  const reached = equal > 1 ? `, which is reached ${equal} times,` : "";
  const words = `The largest of ${data.length} numbers${reached} stands at ${indexText(choice.source)} of ${source}${tokens}.`;
  const parts = [
    element(
      "p",
      {},
      `${words} No weights can choose a largest number: taking the maximum is not a convolution.`,
    ),
  ];
  if (shape.length === 2 && data.length <= LARGEST_SQUARE) {
    const [height, width] = shape;
    const rows = Array.from({ length: height }, (_, k) => {
      const places = Array.from({ length: width }, (__, l) => k * width + l);
      const cells = places.map((at) =>
        element("td", { class: at === winner ? "winner" : "" }, shown(data[at], 4)),
      );
      return element("tr", {}, ...cells);
    });
    const caption = element("caption", {}, "the window");
    const table = element("table", { class: "square" }, caption, element("tbody", {}, ...rows));
    parts.push(scrolling("window", table));
  }
  return parts;
}

/**
 * The curve of an activation, and where on it the unit stands.
 * @param {string} kind
 * @param {NonNullable<OpenedUnit["curve"]>} curve
 */
export function curveView(kind, { x, y, height }) {
  const reach = Math.max(3, Math.abs(x) * 1.2);
  const places = Array.from({ length: 81 }, (_, at) => (at / 40 - 1) * reach);
  const low = Math.min(0, ...places.map(height));
  const high = Math.max(1, ...places.map(height));
  /**
   * @param {number} place
   * @param {number} at height
   */
  const spot = (place, at) => [110 * (1 + place / reach), 100 - (100 * (at - low)) / (high - low)];
  const [middle, zero] = spot(0, 0);
  const [cx, cy] = spot(x, y);
  const label = `${kind} at ${shown(x)} is ${shown(y)}`;
  const drawing = svg("svg", { viewBox: "-6 -6 232 112", class: "curve", role: "img", "aria-label": label });
  const points = places.map((place) => spot(place, height(place)).join(",")).join(" ");
  drawing.append(
    svg("line", { x1: 0, x2: 220, y1: zero, y2: zero, class: "axis" }),
    svg("line", { x1: middle, x2: middle, y1: 0, y2: 100, class: "axis" }),
    svg("polyline", { points, class: "line" }),
    svg("circle", { cx, cy, r: 5, class: "end" }),
  );
  return drawing;
}

/** @param {number[]} powers */
export function softmaxView(powers) {
  const total = powers.reduce((sum, power) => sum + power, 0);
  const rows = largest(powers, 20).map((at) =>
    element("tr", {}, rowHead(told.classes[at]), cell(shown(powers[at])), cell(shown(powers[at] / total))),
  );
  const head = headOf(["class", "exponential", "share"]);
  return scrolling("exponentials", element("table", {}, head, element("tbody", {}, ...rows)));
}
