// A neuron as a picture: the largest products that go into it, its sum, and where its number goes.
import { largest, numberIn, ravel, unlessMissing } from "./arrays.js";
import { button, element, indexText, shown, svg } from "./dom.js";
import { centred } from "./drawing.js";
import { layerName, shownLayers, stored } from "./page_data.js";
import { message } from "./words/message.js";
/** @import { Layer, Unit, Weighing } from "./types.js" */

/** Neighbours that are drawn on each side, the strongest. */
const MOST_DRAWN = 8;
/** Pixels of the row of a neighbour. */
const ROW = 26;
/** Shares of the width where lines begin and end, from the left. */
const [LEFT_END, BODY_LEFT, BODY_RIGHT, RIGHT_END] = ["37%", "47%", "53%", "68%"];

/**
 * A neighbour: the layer and unit that it is, its number or the product with it, and a word of what it does.
 * @typedef {{ layer: string, unit: Unit, number: number, words: string }} Neighbour
 */

/** What goes in, the largest products first. @param {Weighing} weighing @returns {Neighbour[]} */
function comingIn({ products, weights, patch, seenAt }) {
  if (!seenAt) return [];
  return largest(products, MOST_DRAWN)
    .filter((at) => products[at] !== 0)
    .map((at) => {
      const [layer, unit] = seenAt(at);
      const words = `${shown(weights[at], 3)} \u00d7 ${shown(patch[at], 3)} = ${shown(products[at], 3)}`;
      return { layer, unit, number: products[at], words };
    });
}

/** Where the number of a dense unit, or one that a function of each number follows, goes. @param {Layer} layer @param {Unit} unit @param {number} value @returns {Neighbour[]} */
function goingOut({ name, shape }, unit, value) {
  const next = shownLayers.find(({ takes }) => takes[0] === name);
  if (!next) return [];
  if (next.kind !== "dense" || shape.length !== 1) {
    const number = numberIn(stored(next.name), unit);
    const isSame = next.shape.join() === shape.join();
    return isSame && number !== undefined
      ? [{ layer: next.name, unit, number, words: shown(number, 3) }]
      : [];
  }
  const weight = stored(next.weights[0]);
  if (!weight || weight.kept) return [];
  const products = Array.from(
    { length: weight.shape[0] },
    (_, at) => value * weight.data[ravel([at, unit[0]], weight.shape)],
  );
  return largest(products, MOST_DRAWN).map((at) => ({
    layer: next.name,
    unit: [at],
    number: products[at],
    words: shown(products[at], 3),
  }));
}

/**
 * The picture; hovering or focusing a neighbour lights its line, choosing one opens it.
 * @param {Layer} layer @param {Unit} unit @param {Weighing} weighing
 * @param {(layer: string, unit: Unit) => void} open
 */
export function neuronView(layer, unit, weighing, open) {
  const before = comingIn(weighing);
  if (!before.length) return [];
  const after = unlessMissing(() => goingOut(layer, unit, weighing.value)) ?? [];
  const height = ROW * Math.max(before.length, after.length, 2);
  const middle = height / 2;
  const lines = svg("svg", { "aria-hidden": "true" });
  const holder = element(
    "div",
    { class: "neuron", role: "group", "aria-label": message("neuronTitle") },
    lines,
  );
  holder.style.height = `${height}px`;
  /** @param {Neighbour[]} side @param {boolean} isBefore */
  const draw = (side, isBefore) => {
    const most = Math.max(...side.map(({ number }) => Math.abs(number))) || 1;
    side.forEach((each, at) => {
      const y = middle + ROW * (at - (side.length - 1) / 2);
      const ends = isBefore ? { x1: LEFT_END, x2: BODY_LEFT } : { x1: BODY_RIGHT, x2: RIGHT_END };
      const heights = isBefore ? { y1: y, y2: middle } : { y1: middle, y2: y };
      const stroke = `rgb(${centred(most)(each.number).join(" ")})`;
      const wide = 1 + (6 * Math.abs(each.number)) / most;
      const line = svg("line", { ...ends, ...heights, stroke, "stroke-width": wide });
      lines.append(line);
      const words = `${layerName(each.layer)} ${indexText(each.unit)}: ${each.words}`;
      const link = button(
        { class: `neighbour ${isBefore ? "before" : "after"}`, title: words },
        each.words,
        () => open(each.layer, each.unit),
      );
      link.style.top = `${y - ROW / 2}px`;
      const lit = (/** @type {boolean} */ is) => () => line.classList.toggle("lit", is);
      Object.assign(link, {
        onmouseenter: lit(true),
        onmouseleave: lit(false),
        onfocus: lit(true),
        onblur: lit(false),
      });
      holder.append(link);
    });
  };
  draw(before, true);
  draw(after, false);
  lines.append(svg("circle", { cx: "50%", cy: middle, r: 13, class: "body" }));
  const own = element("span", { class: "own" }, shown(weighing.value, 3));
  own.style.top = `${middle - ROW / 2}px`;
  holder.append(own);
  return [element("h3", {}, message("neuronTitle")), holder];
}
