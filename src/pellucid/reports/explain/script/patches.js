// Patches of an image that are tokens: their values as maps, and attention drawn over the photograph.
import { largest, need } from "./arrays.js";
import { button, element, shown } from "./dom.js";
import { layout, paintPixels, scaleOf } from "./drawing.js";
import { attentionFrom, grid, heldQuery, isOfPatches, pageData, tokenLabel } from "./page_data.js";
import { sumOf } from "./shares.js";
import { message } from "./words/message.js";
/** @import { Floats, Layer, LayerFacts, Layout, Shape, Unit } from "./types.js" */

/** Pixels of a patch in a map of a layer, and between its maps. */
const [PATCH, SPACING] = [4, 6];

/** A map for each channel, its learnt tokens above the patches. @param {Shape} shape @param {number} width @returns {Layout} */
function layoutOfPatches([tokens, channels], width) {
  const { rows, columns } = need(grid);
  const before = tokens - rows * columns;
  const top = before ? Math.ceil(before / columns) * PATCH + 2 : 0;
  const [tileWidth, tileHeight] = [columns * PATCH + SPACING, top + rows * PATCH + SPACING];
  const across = Math.max(1, Math.min(channels, Math.floor((width + SPACING) / tileWidth)));
  return {
    cell: [PATCH, PATCH],
    width: across * tileWidth,
    height: Math.ceil(channels / across) * tileHeight,
    spot([token, channel]) {
      const at = token < before ? token : token - before;
      return [
        (channel % across) * tileWidth + (at % columns) * PATCH,
        Math.floor(channel / across) * tileHeight +
          (token < before ? 0 : top) +
          Math.floor(at / columns) * PATCH,
      ];
    },
    unit(x, y) {
      const tile = Math.floor(x / tileWidth);
      const channel = Math.floor(y / tileHeight) * across + tile;
      const [column, down] = [Math.floor((x % tileWidth) / PATCH), y % tileHeight];
      const isLearnt = down < top;
      const at = Math.floor((isLearnt ? down : down - top) / PATCH) * columns + column;
      const isInside = at < (isLearnt ? before : tokens - before) && tile < across && channel < channels;
      return column < columns && isInside ? [isLearnt ? at : at + before, channel] : null;
    },
  };
}

/**
 * How the numbers of a layer are laid out, and how they are painted: those of patches channel by channel.
 * @param {Layer} layer @param {number} width
 */
export function planOf(layer, width) {
  if (!isOfPatches(layer)) {
    const { kind, shape } = layer;
    // Single tokens are to be found in the map of an attention.
    const plan = layout(shape, width, kind === "attention-weights" ? (shape[1] > 64 ? 256 : 180) : undefined);
    return { plan, painted: plan };
  }
  const plan = layoutOfPatches(layer.shape, width);
  /** @type {Layout} */
  const painted = { ...plan, spot: ([channel, token]) => plan.spot([token, channel]) };
  return { plan, painted };
}

// Attention over the photograph: a picture for each head, of the weights that one token gives to the patches.

/** @param {Floats} weights of all tokens */
function pictureOf(weights) {
  const { rows, columns, before } = need(grid);
  const canvas = element("canvas", { "aria-hidden": "true" });
  const ofPatches = weights.subarray(before);
  paintPixels(canvas, [rows, columns], ofPatches, scaleOf([0, ...ofPatches]));
  return element("span", { class: "look" }, canvas);
}

/** Where a patch lies in a picture, as a frame. @param {HTMLElement} picture @param {number} token */
function framePatch(picture, token) {
  const { rows, columns, before } = need(grid);
  const at = token - before;
  if (at < 0) return;
  const mark = element("span", { class: "field" });
  Object.assign(mark.style, {
    left: `${(100 * (at % columns)) / columns}%`,
    top: `${(100 * Math.floor(at / columns)) / rows}%`,
    width: `${100 / columns}%`,
    height: `${100 / rows}%`,
  });
  picture.append(mark);
}

/**
 * The attention of each head from the query of a unit, or from the nearest one that the page holds; a click on a patch
 * looks from there.
 * @param {LayerFacts} layer @param {Unit} unit head, query and key @param {(unit: Unit) => void} onUnit
 * @returns {Element[]}
 */
export function looksView(layer, [head, asked, key], onUnit) {
  const query = heldQuery(layer, asked);
  if (query === null) return [];
  const { rows, columns, before } = need(grid);
  const pictures = Array.from({ length: layer.shape[0] }, (_, each) => {
    const weights = need(attentionFrom(layer, each, query));
    const picture = pictureOf(weights);
    framePatch(picture, query);
    const share = sumOf(weights.subarray(before));
    const words = message("lookOfHead", { head: each, share: Math.round(100 * share) });
    const made = element("button", { "aria-current": each === head ? "true" : "false" }, picture, words);
    made.onclick = ({ detail, clientX, clientY }) => {
      const { left, top, width, height } = picture.getBoundingClientRect();
      const row = Math.floor(((clientY - top) * rows) / height);
      const column = Math.floor(((clientX - left) * columns) / width);
      const isPatch = detail > 0 && row >= 0 && row < rows && column >= 0 && column < columns;
      const from = isPatch ? need(heldQuery(layer, before + row * columns + column)) : query;
      onUnit([each, from, isPatch ? key : largest(weights, 1)[0]]);
    };
    return element("li", {}, made);
  });
  const learnt = Array.from({ length: before }, (_, token) =>
    button({ class: "plain-button" }, tokenLabel(token), () => onUnit([head, token, key])),
  );
  return [
    element("h3", {}, message("looksTitle", { query: tokenLabel(query) })),
    element("ul", { class: "looks" }, ...pictures),
    element("p", { class: "quiet" }, message("looksWords")),
    element("p", { class: "inputs" }, ...learnt),
  ];
}

/** What the class token attends to: a row for each layer, a picture for each head, each leading to its layer. */
export function drawLooks() {
  const photograph = document.querySelector(".image img");
  const holder = document.getElementById("looks");
  if (!grid || !(photograph instanceof HTMLImageElement)) return;
  document.documentElement.style.setProperty("--photograph", `url("${photograph.src}")`);
  const layers = /** @type {Layer[]} */ (pageData.layers.filter(({ kind }) => kind === "attention-weights"));
  holder?.replaceChildren(
    ...layers.map((layer, number) => {
      const pictures = Array.from({ length: layer.shape[0] }, (_, head) => {
        const weights = need(attentionFrom(layer, head, 0));
        const [key] = largest(weights, 1);
        const words = message("lookLabel", {
          layer: number + 1,
          head,
          key: tokenLabel(key),
          weight: shown(weights[key], 2),
        });
        const href = `#forward/${encodeURIComponent(layer.name)}/${head},0,${key}`;
        return element("a", { href, "aria-label": words, title: words }, pictureOf(weights));
      });
      return element("li", {}, element("span", { class: "quiet" }, String(number + 1)), ...pictures);
    }),
  );
}
