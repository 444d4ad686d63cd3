// What each n-gram of a bag counts: by how often it stands in the text, how rare it is, and its group.
import { need } from "../data/missing.js";
import { told } from "../data/told.js";
import { tensorOf } from "./weighing.js";
/** @import { Layer } from "../types.js" */

/** @param {Layer<"weighed-sum">} layer */
export function sharesOf(layer) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const id of told.ids) counts.set(id, (counts.get(id) || 0) + 1);
  const sorted = [...counts].sort(([one], [other]) => one - other);
  const ids = sorted.map(([id]) => id);
  const rarity = tensorOf(layer, 2);
  const weights = sorted.map(([id, count]) => (1 + Math.log(count)) * need(rarity.row(id))[0]);
  const { groups } = layer.settings;
  const parts = partsOfGroups(groups);
  const length = Math.hypot(...parts);
  const shares = ids.map((id, at) => {
    const group = groups.findIndex((first, number) => id >= first && id < groups[number + 1]);
    if (group < 0) return 0;
    const inside = weights.filter(
      (_, other) => ids[other] >= groups[group] && ids[other] < groups[group + 1],
    );
    return ((parts[group] / length) * weights[at]) / Math.hypot(...inside);
  });
  return { ids, shares };
}

/**
 * How much each group of n-grams counts beside the first, before the length of all is made one.
 * @param {number[]} groups first id of each, and the id behind the last
 */
function partsOfGroups(groups) {
  const sizes = groups.slice(1).map((end, at) => end - groups[at]);
  return sizes.map((size, at) => (at ? Math.min(1, Math.sqrt(size / Math.max(1, sizes[0])) / 2) : 1));
}
