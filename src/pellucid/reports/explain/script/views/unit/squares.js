// Patch, kernel and products of one channel as three squares of numbers.
import { largest } from "../../data/arrays.js";
import { selectOf } from "../../dom/controls.js";
import { element } from "../../dom/element.js";
import { shown } from "../../dom/numbers.js";
import { onColour } from "../../drawing/colours.js";
import { scaleOf } from "../../drawing/scales.js";
import { weightLink } from "./products.js";
/** @import { Floats, Weighing } from "../../types.js" */

/**
 * The squares of the channel with the largest sum, and a choice of the others.
 * @param {Weighing} weighing of a kernel
 */
export function squares(weighing) {
  const holder = element("div", { class: "squares" });
  /** @param {number} channel */
  const draw = (channel) => holder.replaceChildren(...squaresOf(weighing, channel));
  const order = largest(weighing.sums, weighing.shape[0]);
  draw(order[0]);
  if (order.length === 1) return element("div", {}, holder);
  const options = order.map((channel) => ({
    value: channel,
    text: `channel ${channel}: ${shown(weighing.sums[channel])}`,
  }));
  const select = selectOf("channel-shown", options, (value) => draw(Number(value)));
  const label = element("label", { for: "channel-shown" }, "Channel, by its sum: ");
  return element("div", {}, element("p", {}, label, select), holder);
}

/**
 * @param {Weighing} weighing
 * @param {number} channel
 */
function squaresOf(weighing, channel) {
  const [, height, width] = weighing.shape;
  const size = height * width;
  /** @param {Floats} numbers */
  const part = (numbers) => numbers.slice(channel * size, (channel + 1) * size);
  /** @param {number} at */
  const linked = (at) => weightLink(weighing, channel * size + at, 3);
  return [
    square("seen", part(weighing.patch), width),
    element("span", { class: "sign" }, "\u00d7"),
    square("kernel", part(weighing.weights), width, linked),
    element("span", { class: "sign" }, "="),
    square("products", part(weighing.products), width),
    element("p", { class: "sum" }, `sum of channel ${channel}: ${shown(weighing.sums[channel])}`),
  ];
}

/**
 * @param {string} title
 * @param {Floats} numbers
 * @param {number} width
 * @param {(at: number) => Node | string} [content] of a cell
 */
function square(title, numbers, width, content = (at) => shown(numbers[at], 3)) {
  const scale = scaleOf(numbers);
  const rows = Array.from({ length: numbers.length / width }, (_, k) => {
    const cells = Array.from({ length: width }, (__, l) => {
      const at = k * width + l;
      return onColour(element("td", {}, content(at)), scale.colour(numbers[at]));
    });
    return element("tr", {}, ...cells);
  });
  return element("table", { class: "square" }, element("caption", {}, title), element("tbody", {}, ...rows));
}
