// The weights that one head gives all tokens from one of them, as the network has them.
import { value } from "../../arithmetic/values.js";
import { largest } from "../../data/arrays.js";
import { told } from "../../data/told.js";
import { tokenLabel } from "../../data/tokens.js";
import { button } from "../../dom/controls.js";
import { element } from "../../dom/element.js";
import { shown } from "../../dom/numbers.js";
import { headOf, rowHead, scrolling } from "../../dom/tables.js";
import { onColour } from "../../drawing/colours.js";
import { legend, scaleOf } from "../../drawing/scales.js";
import { actions } from "../actions.js";
/** @import { Layer, Unit } from "../../types.js" */

const SHOWN_TOKENS = 12;

/**
 * @param {Layer<"attention-weights">} layer
 * @param {Unit} unit
 * @returns {Element[]}
 */
export function attentionView(layer, [head, query, key]) {
  const map = value(layer.name)?.row(head);
  if (!map) return [];
  const length = layer.shape[1];
  const weights = map.subarray(query * length, (query + 1) * length);
  const words = `Head ${head}, query of token ${tokenLabel(query)}: its weights over all tokens, which add up to 1. The key of token ${tokenLabel(key)} has ${shown(weights[key], 4)}.`;
  const scale = scaleOf([0, ...weights]);
  const spans = told.tokens.flatMap((token, place) => {
    const span = element("span", { title: `${place}: ${shown(weights[place], 3)}` }, token || "(unknown)");
    return [onColour(span, scale.colour(weights[place])), " "];
  });
  return [
    element("p", { class: "foreign" }, words),
    element("p", { class: "pieces foreign" }, ...spans),
    legend(scale),
    largestTable(weights, (place) => actions.pinUnit([head, query, place])),
  ];
}

/**
 * The tokens with the largest weights, each to be opened.
 * @param {Float32Array | Float64Array} weights
 * @param {(place: number) => void} onPlace
 */
function largestTable(weights, onPlace) {
  const rows = largest(weights, SHOWN_TOKENS).map((place) => {
    const link = button({ class: "number-button" }, shown(weights[place], 4), () => onPlace(place));
    const head = rowHead(tokenLabel(place));
    head.className = "foreign";
    return element("tr", {}, head, element("td", {}, link));
  });
  const head = headOf(["token", "weight"], "token");
  const table = element("table", {}, head, element("tbody", {}, ...rows));
  const more = weights.length > SHOWN_TOKENS ? ` (the ${SHOWN_TOKENS} largest of ${weights.length})` : "";
  const summary = element("summary", {}, `The weights as numbers${more}`);
  return element("details", {}, summary, scrolling("weights of the tokens", table));
}
