// The products of a weighed sum as a table, the largest first; each weight leads to its gradient.
import { largest, unravel } from "../../data/arrays.js";
import { isLearnt } from "../../data/told.js";
import { button } from "../../dom/controls.js";
import { element } from "../../dom/element.js";
import { counted, indexText, shown } from "../../dom/numbers.js";
import { cell, headOf, rowHead, scrolling } from "../../dom/tables.js";
import { actions } from "../actions.js";
/** @import { Weighing } from "../../types.js" */

const SHOWN_PRODUCTS = 16;

/**
 * Places of the products that are shown.
 * @param {Weighing} weighing
 */
export const shownProducts = (weighing) => largest(weighing.products, SHOWN_PRODUCTS);

/**
 * @param {Weighing} weighing
 * @param {number} at
 */
export const nameOf = (weighing, at) =>
  weighing.names ? `\u201c${weighing.names[at]}\u201d` : indexText(unravel(at, weighing.shape));

/**
 * A weight, to be chosen where it is one that is learnt.
 * @param {Weighing} weighing
 * @param {number} at
 * @param {number} [digits]
 */
export function weightLink(weighing, at, digits = 5) {
  const text = shown(weighing.weights[at], digits);
  if (!weighing.weightAt) return text;
  const [name, index] = weighing.weightAt(at);
  if (!isLearnt(name)) return text;
  const title = `gradient of ${name}[${index.join(", ")}]`;
  return button({ class: "number-button", title }, text, () => actions.pinWeight(name, index));
}

/** @param {Weighing} weighing */
export function productTable(weighing) {
  const { patch, products, sum } = weighing;
  const order = shownProducts(weighing);
  const rows = order.map((at) =>
    element(
      "tr",
      {},
      rowHead(nameOf(weighing, at)),
      cell(shown(patch[at])),
      element("td", {}, weightLink(weighing, at)),
      cell(shown(products[at])),
    ),
  );
  const rest = products.length - order.length;
  if (rest > 0) {
    const kept = order.reduce((total, at) => total + products[at], 0);
    const head = rowHead(`${counted(rest)} smaller products`);
    rows.push(element("tr", { class: "rest" }, head, cell(""), cell(""), cell(shown(sum - kept))));
  }
  const head = headOf(["at", ...weighing.columns, "product"]);
  return scrolling("products", element("table", { class: "products" }, head, element("tbody", {}, ...rows)));
}
