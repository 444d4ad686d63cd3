// The gradient of one weight: the terms of the chain rule, and the three ways beside one another.
import { largest } from "../../data/arrays.js";
import { element } from "../../dom/element.js";
import { counted, shown } from "../../dom/numbers.js";
import { cell, headOf, rowHead, scrolling } from "../../dom/tables.js";
/** @import { Terms, ThreeWays } from "../../types.js" */

const SHOWN_TERMS = 12;

/** @param {Terms} terms */
export function termsTable({ above, seen, at }) {
  const products = above.map((each, place) => each * seen[place]);
  const order = largest(products, SHOWN_TERMS).filter((place, rank) => rank === 0 || products[place] !== 0);
  const total = products.reduce((sum, each) => sum + each, 0);
  const kept = order.reduce((sum, place) => sum + products[place], 0);
  const rows = order.map((place) => termsRow(at(place), [above[place], seen[place], products[place]]));
  const rest = products.length - order.length;
  if (rest > 0) rows.push(totalRow(`${counted(rest)} smaller terms`, total - kept));
  rows.push(totalRow("sum: the gradient of this weight", total));
  const head = headOf(["where it is used", "gradient there", "\u00d7 number seen", "= term"]);
  const table = element("table", { class: "terms" }, head, element("tbody", {}, ...rows));
  return scrolling("terms of the chain rule", table);
}

/**
 * @param {string} label
 * @param {number[]} numbers
 */
const termsRow = (label, numbers) =>
  element("tr", {}, labelled(label), ...numbers.map((number) => cell(shown(number, 4))));

/**
 * @param {string} label
 * @param {number} total
 */
const totalRow = (label, total) =>
  element("tr", { class: "rest" }, labelled(label), cell(""), cell(""), cell(shown(total, 4)));

/** @param {string} label */
const labelled = (label) => element("th", { scope: "row", class: "foreign" }, label);

/** @param {ThreeWays} found */
export function threeTable({ byHand, byAutograd, byDifference, relativeError }) {
  /**
   * @param {string} label
   * @param {number | null} number
   * @param {number} [digits]
   */
  const line = (label, number, digits = 7) =>
    element("tr", {}, rowHead(label), cell(number === null ? "not in the page" : shown(number, digits)));
  return element(
    "table",
    { class: "three", id: "three-ways" },
    element(
      "tbody",
      {},
      line("by hand: the sum above, in this page", byHand),
      line("by autograd (PyTorch)", byAutograd),
      line("by central difference, in this page", byDifference),
      line("relative error", relativeError, 2),
    ),
  );
}
