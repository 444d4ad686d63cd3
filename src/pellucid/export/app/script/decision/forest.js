// A random forest opened: what its trees answer, and the way through any one of them.
import { indexField } from "../../../../reports/explain/script/dom/controls.js";
import { element } from "../../../../reports/explain/script/dom/element.js";
import { shown } from "../../../../reports/explain/script/dom/numbers.js";
import { leafReader, walker } from "../classical/predictors.js";
import { app } from "../facts/app.js";
import { say } from "../words/language.js";
import { sentence, tableOfRows } from "./tables.js";
/** @import { Features, Question } from "../types.js" */
/** @import { Decided } from "./decision.js" */
/** @import { ColumnNamer } from "./naming.js" */

/** @typedef {{ entry: number, content: number }[]} Leaf */

const shownTree = { tree: 0 };

/**
 * @param {Features} features
 * @param {number} best position of the class that is answered; of numbers 0
 * @param {Decided} decided
 */
export function openedForest(features, best, { arrayOf, nameOf }) {
  const walk = walker(features, arrayOf);
  const held = leafReader(arrayOf);
  const roots = arrayOf("roots").data;
  const leaves = Array.from(roots, (root) => held(walk(root)));
  const count = roots.length;
  const way = element("div");
  /** @param {number} tree */
  const choose = (tree) => {
    shownTree.tree = Math.min(count - 1, Math.max(0, tree));
    /** @type {Question[]} */
    const asked = [];
    walk(roots[shownTree.tree], asked);
    way.replaceChildren(...wayOf(asked, leaves[shownTree.tree], nameOf));
  };
  choose(shownTree.tree);
  const field = indexField(
    "tree",
    say("treeNumber", { count }),
    { value: shownTree.tree, size: count },
    choose,
  );
  return [said(leaves, best), element("p", { class: "inputs" }, field), way];
}

/**
 * What the trees answer together.
 * @param {Leaf[]} leaves
 * @param {number} best
 */
function said(leaves, best) {
  const count = leaves.length;
  if (!app.classes.length) {
    const sum = leaves.reduce((total, [{ content }]) => total + content, 0);
    return sentence("forestNumber", { count, mean: shown(sum / count, 4) });
  }
  const votes = leaves.filter((leaf) => mostOf(leaf).entry === best).length;
  return sentence("forestVotes", { count, votes, label: app.classes[best] });
}

/** @param {Leaf} leaf */
const mostOf = (leaf) => leaf.reduce((most, each) => (each.content > most.content ? each : most));

/**
 * @param {Question[]} asked
 * @param {Leaf} leaf
 * @param {ColumnNamer} nameOf
 */
function wayOf(asked, leaf, nameOf) {
  const table = tableOfRows(
    "treeTable",
    ["columnFeature", "columnValue", "columnThreshold", "columnAtMost"],
    asked.map(({ column, value, threshold, isYes }) => [
      nameOf(column),
      shown(value, 4),
      shown(threshold, 4),
      say(isYes ? "yes" : "no"),
    ]),
  );
  return [table, leafSentence(leaf)];
}

/** @param {Leaf} leaf */
function leafSentence(leaf) {
  if (!app.classes.length) return sentence("leafNumber", { number: shown(leaf[0].content, 4) });
  const parts = leaf.map(({ entry, content }) => `${app.classes[entry]} (${content})`);
  return sentence("leafHolds", { parts: parts.join(", ") });
}
