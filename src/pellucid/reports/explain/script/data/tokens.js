// The tokens of a text that is explained, by their place, step or id.
import { told } from "./told.js";
/** @import { Layer, RecurrentKind } from "../types.js" */

/** @param {string} token */
const named = (token) => token || "(unknown)";

/** @param {number} place */
export const tokenLabel = (place) => `${place} \u201c${named(told.tokens[place])}\u201d`;

/**
 * The token that a recurrent layer reads at a step.
 * @param {Layer<RecurrentKind>} layer
 * @param {number} step
 */
export const tokenAtStep = (layer, step) =>
  named(told.tokens[layer.name.includes("backwards") ? told.tokens.length - 1 - step : step]);

/** @param {number} id */
export const gramOf = (id) => told.tokens[told.ids.indexOf(id)] || `id ${id}`;

/**
 * The tokens from one place to another, as many as can be read at a glance.
 * @param {number} first
 * @param {number} last
 */
export function tokensBetween(first, last) {
  const words = told.tokens.slice(first, last + 1).map(named);
  return `${words.slice(0, 12).join(" ")}${words.length > 12 ? " \u2026" : ""}`;
}
