// A whole layer in words, and what there is to show of a whole layer of a text.
import { shapeOf } from "../../data/told.js";
import { stepsView } from "./steps.js";
import { winnersView } from "./winners.js";
/** @import { Layer } from "../../types.js" */

/**
 * How the numbers of a layer are drawn, in words.
 * @param {Layer} layer
 */
export function laidOut({ kind, takes, shape: [first, second, third] }) {
  if (kind === "attention-weights") {
    return `a map for each of ${first} heads, query tokens as rows, key tokens as columns`;
  }
  if (third !== undefined) {
    return `${first === 1 ? "one map" : `${first} maps`} of ${second}\u00d7${third} numbers`;
  }
  if (second !== undefined) {
    const heads = kind === "attention" ? `, ${second / shapeOf(takes[1])[0]} of each head side by side` : "";
    return `${first} places of the text (rows) with ${second} numbers each${heads}`;
  }
  return `${first} ${first === 1 ? "number" : "numbers"}`;
}

/**
 * The n-grams that won, or what each step adds.
 * @param {Layer} layer
 */
export function moreOf(layer) {
  if (layer.kind === "text-max") return winnersView(layer);
  return layer.kind === "lstm" || layer.kind === "gru" ? stepsView(layer) : null;
}
