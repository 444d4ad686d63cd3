// How far the words of a text are from those of training texts and of classes: signals of novelty.
//
// The first signal is 1 less the likeness of the fifth nearest training text that was kept, the second 1 less that
// of the nearest class; the first knows small topics, the second what all texts of a class share.
/** @import { Floats, Numbers } from "../../../../../../reports/explain/script/types.js" */
/** @import { Features } from "../../../types.js" */

const NEIGHBOUR = 5;

/**
 * @param {Features} features
 * @param {(name: string) => Numbers} arrayOf arrays of the measure
 */
export function nearness({ columns, values }, arrayOf) {
  const seen = new Map(columns.map((column, at) => [column, values[at]]));
  const [kept, centres] = ["kept", "centre"].map((part) => {
    const [of, where, ends] = ["values", "columns", "ends"].map((name) => arrayOf(`${part}_${name}`).data);
    return likenesses(seen, of, where, ends).sort((one, other) => other - one);
  });
  return [1 - kept[Math.min(NEIGHBOUR, kept.length) - 1], 1 - centres[0]];
}

/**
 * The products of a text's weights with every row of others.
 * @param {Map<number, number>} seen weights of the text, by their columns
 * @param {Floats} values of the rows, one behind the other
 * @param {Floats} columns of these
 * @param {Floats} ends of the rows
 */
function likenesses(seen, values, columns, ends) {
  let at = 0;
  return Array.from(ends, (end) => {
    let sum = 0;
    for (; at < end; at += 1) sum += values[at] * (seen.get(columns[at]) || 0);
    return sum;
  });
}
