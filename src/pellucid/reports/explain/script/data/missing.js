// What the page needs and may lack: a large network's numbers do not all fit into it.
/** @import { Numbers, Whole } from "../types.js" */

export const NOT_IN_THE_PAGE =
  "this number is not in the page: the network is too large for all of them to fit";

class Missing extends Error {}

/**
 * @template T
 * @param {T | null | undefined} found
 * @returns {T}
 */
export function need(found) {
  if (found === null || found === undefined) throw new Missing(NOT_IN_THE_PAGE);
  return found;
}

/**
 * An array of which every row is there.
 * @param {Numbers | null} found
 * @returns {Whole}
 */
export function needWhole(found) {
  if (!found || found.kept) throw new Missing(NOT_IN_THE_PAGE);
  return found;
}

/**
 * What a function finds, or null where the page lacks what it needs.
 * @template T
 * @param {() => T} find
 */
export function unlessMissing(find) {
  try {
    return find();
  } catch (error) {
    if (error instanceof Missing) return null;
    throw error;
  }
}
