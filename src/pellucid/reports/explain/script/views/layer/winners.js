// For every filter the n-gram that won the maximum over the text, the largest first.
import { largestOfWindow } from "../../arithmetic/passing.js";
import { value } from "../../arithmetic/values.js";
import { need, unlessMissing } from "../../data/missing.js";
import { button } from "../../dom/controls.js";
import { element } from "../../dom/element.js";
import { shown } from "../../dom/numbers.js";
import { cell, headOf, rowHead, scrolling } from "../../dom/tables.js";
import { actions } from "../actions.js";
import { gramAt } from "../unit/parts.js";
/** @import { Layer } from "../../types.js" */

/** @param {Layer<"text-max">} layer */
export function winnersView(layer) {
  const found = value(layer.name);
  if (!found || found.kept) return null;
  const winners = unlessMissing(() =>
    Array.from(found.data, (number, filter) => {
      const { source } = need(largestOfWindow(layer, [filter]).choice);
      return { number, filter, place: source[0] };
    }),
  );
  if (!winners) return null;
  winners.sort((one, other) => other.number - one.number);
  const rows = winners.map(({ number, filter, place }) => {
    const link = button({ class: "number-button" }, String(filter), () => actions.pinUnit([filter]));
    const gram = element("td", { class: "foreign words" }, gramAt(layer.takes[0], [place, filter]));
    return element("tr", {}, rowHead(link), cell(shown(number, 4)), cell(String(place)), gram);
  });
  const head = headOf(["filter", "largest", "at", "n-gram"], "n-gram");
  const table = element("table", {}, head, element("tbody", {}, ...rows));
  return element(
    "details",
    { open: true },
    element("summary", {}, `The n-gram that won, for each of ${winners.length} filters`),
    scrolling("winning n-grams", table, "scroll tall"),
  );
}
