// What buttons and fields of the views ask for; `page/start.js` says how it is done.
/** @import { Unit } from "../types.js" */

/**
 * @type {{
 *   pinUnit: (unit: Unit, focused?: string) => void,
 *   pinWeight: (name: string, index: number[] | null, focused?: string) => void,
 * }} focused: id of the field in which one goes on typing
 */
export const actions = { pinUnit() {}, pinWeight() {} };
