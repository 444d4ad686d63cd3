// Colours of numbers: magnitudes from dark to bright, signed numbers from blue over white to orange.
/** @import { Colour } from "../types.js" */

/** @type {Colour[]} */
export const BRIGHT = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
];
/** @type {Colour[]} */
export const SIGNED = [
  [8, 64, 129],
  [43, 121, 185],
  [122, 178, 218],
  [206, 226, 240],
  [255, 255, 255],
  [253, 219, 190],
  [247, 162, 92],
  [214, 98, 20],
  [140, 55, 4],
];

/**
 * The colour at a share of the way along some stops.
 * @param {Colour[]} stops
 * @param {number} share
 * @returns {Colour}
 */
export function mixed(stops, share) {
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  /** @param {0 | 1 | 2} part */
  const between = (part) =>
    Math.round(stops[low][part] + (stops[low + 1][part] - stops[low][part]) * (place - low));
  return [between(0), between(1), between(2)];
}

/** @param {Colour} colour */
export const inCss = (colour) => `rgb(${colour.join(" ")})`;

/**
 * Black or white, whichever stands out more on a colour: by relative luminance, as WCAG 2 defines it.
 * @param {Colour} colour
 */
function inkOn(colour) {
  const [red, green, blue] = colour.map((part) =>
    part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/**
 * Put a colour behind the text of an element, which stays legible.
 * @template {HTMLElement} E
 * @param {E} made
 * @param {Colour} colour
 */
export function onColour(made, colour) {
  made.style.background = inCss(colour);
  made.style.color = inkOn(colour);
  return made;
}
