// The weighed sum of a bag of n-grams.
/** @import { Numbers, Whole } from "../../../../../../reports/explain/script/types.js" */

/**
 * How often each id stands in a text, ids ascending.
 * @param {Whole} ids
 */
function countsOf({ data }) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const id of data) counts.set(id, (counts.get(id) || 0) + 1);
  return [...counts].sort(([one], [other]) => one - other);
}

/**
 * What each id of a text counts: more where it is rare, more the oftener it stands there, each group of n-grams
 * brought to a length by itself.
 * @param {number[]} groups first id of each, and the id behind the last
 * @param {Whole} ids
 * @param {Numbers} rarity
 */
export function sharesFast(groups, ids, rarity) {
  const counts = countsOf(ids);
  const weights = counts.map(([id, count]) => (1 + Math.log(count)) * rarity.data[id]);
  /** @param {number} id */
  const groupOf = (id) => groups.findIndex((first, at) => id >= first && id < groups[at + 1]);
  const own = counts.map(([id]) => groupOf(id));
  const squares = groups.map(() => 0);
  own.forEach((group, at) => {
    if (group >= 0) squares[group] += weights[at] ** 2;
  });
  const sizes = groups.slice(1).map((end, at) => end - groups[at]);
  const parts = sizes.map((size, at) => (at ? Math.min(1, Math.sqrt(size / Math.max(1, sizes[0])) / 2) : 1));
  const length = Math.hypot(...parts);
  return counts.map(([id], at) => {
    const group = own[at];
    const share =
      squares[group] > 0 ? ((parts[group] / length) * weights[at]) / Math.sqrt(squares[group]) : 0;
    return { id, share };
  });
}

/**
 * @param {number[]} groups
 * @param {Whole} ids
 * @param {Numbers[]} weights
 */
export function weighedSumFast(groups, ids, [table, bias, rarity]) {
  const units = table.shape[1];
  const sums = new Float64Array(bias.data);
  for (const { id, share } of sharesFast(groups, ids, rarity)) {
    if (share === 0) continue;
    const start = id * units;
    for (let u = 0; u < units; u += 1) sums[u] += share * table.data[start + u];
  }
  return new Float32Array(sums);
}
