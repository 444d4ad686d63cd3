// What is shown of a layer and its pinned unit when the error flows back.
import { hasLearnt } from "../../data/told.js";
import { chainView, normWords } from "./chain.js";
import { weightView } from "./weight.js";
/** @import { OpenedUnit, Pinned } from "../../types.js" */

/**
 * @param {Pinned} pinned
 * @param {OpenedUnit | null} found
 */
export function backwardView({ layer, unit, weight }, found) {
  const checks = document.querySelector(`[data-checks="${CSS.escape(layer.name)}"]`);
  return [
    ...normWords(layer),
    ...chainView(layer, unit, found),
    ...(hasLearnt(layer) ? weightView(layer, found, weight) : []),
    ...(checks ? [...checks.children].map((child) => child.cloneNode(true)) : []),
  ];
}
