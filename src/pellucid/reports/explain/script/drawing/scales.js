// Scales from numbers to colours, and the legend of one.
import { element } from "../dom/element.js";
import { shown } from "../dom/numbers.js";
import { BRIGHT, inCss, mixed, SIGNED } from "./colours.js";
/** @import { Scale } from "../types.js" */

/**
 * A scale for some numbers: signed ones are centred on zero.
 * @param {ArrayLike<number>} numbers
 * @returns {Scale}
 */
export function scaleOf(numbers) {
  let low = Infinity;
  let high = -Infinity;
  for (let at = 0; at < numbers.length; at += 1) {
    if (numbers[at] < low) low = numbers[at];
    if (numbers[at] > high) high = numbers[at];
  }
  if (!(low <= high)) [low, high] = [0, 0];
  if (low < 0) return centredScale(Math.max(-low, high));
  const span = high - low || 1;
  return { low, high, colour: (number) => mixed(BRIGHT, (number - low) / span), signed: false };
}

/**
 * A scale for signed numbers.
 * @param {number} size of the largest of them
 * @returns {Scale}
 */
export function centredScale(size) {
  const most = size || 1;
  return { low: -most, high: most, colour: centred(most), signed: true };
}

/**
 * Colours of signed numbers.
 * @param {number} most the size that has the strongest colour
 * @returns {Scale["colour"]}
 */
export const centred = (most) => (number) => mixed(SIGNED, 0.5 + number / (2 * most));

/** @param {Scale} scale */
export function legend(scale) {
  const stops = scale.signed ? SIGNED : BRIGHT;
  const bar = element("span", { class: "ramp", "aria-hidden": "true" });
  bar.style.background = `linear-gradient(to right, ${stops.map(inCss).join(", ")})`;
  return element("p", { class: "legend" }, shown(scale.low, 3), bar, shown(scale.high, 3));
}
