// The text that is shown now: what the layers of the page speak of, whatever else is answered meanwhile.
import { shapeOf, told } from "../../../../../../reports/explain/script/data/told.js";
import { byId, element } from "../../../../../../reports/explain/script/dom/element.js";
import { current } from "../../../../../../reports/explain/script/page/state.js";
import { actions } from "../../../../../../reports/explain/script/views/actions.js";
import { say } from "../../../words/language.js";
import { FIRST } from "../encoding/tokens.js";
import { fitFields, fitShapes } from "../model/lengths.js";
import { facts } from "../model/reading.js";
/** @import { Found } from "../encoding/types.js" */
/** @import { ReadText } from "../types.js" */

/** @type {{ read: ReadText | null }} */
const now = { read: null };

export const shownText = () => now.read;

/**
 * Make the layers those of a text.
 * @param {ReadText} read
 */
export function showRead(read) {
  now.read = read;
  byId("cut").hidden = !read.cut;
  byId("cut").textContent = read.cut ? say("cutNote", { count: facts.encoder?.length ?? 0 }) : "";
  if (!facts.encoder) return;
  told.ids = read.found.map(({ id }) => id);
  told.tokens = read.found.map((found) => tokenOf(read.text, found));
  fitShapes(read.found.length);
  fitFields(read.found.length);
  sayShapes();
  byId("tokens").replaceChildren(...told.tokens.flatMap((token, place) => [spanOf(token, place), " "]));
}

/** Sizes that Python wrote for a text of another length are those of this one; costs of that one go. */
function sayShapes() {
  document.querySelectorAll("[data-by-size]").forEach((part) => part.remove());
  for (const { name, takes } of told.layers) {
    const inputs = takes.map((source) => shapeOf(source).join("\u00d7")).join(", ");
    for (const [what, text] of [
      ["in", inputs],
      ["out", shapeOf(name).join("\u00d7")],
    ]) {
      const parts = document.querySelectorAll(`[data-${what}="${CSS.escape(name)}"]`);
      parts.forEach((part) => part.replaceChildren(text));
    }
  }
}

/** Make the layers those of the text that is shown, once another one was answered. */
export function showAgain() {
  if (now.read && facts.encoder) fitShapes(now.read.found.length);
}

/**
 * A part of the text; of a mark before or behind it, which stands in no text, the mark's name.
 * @param {string} text
 * @param {Found} found
 */
function tokenOf(text, { id, start, end }) {
  if (start < end || facts.encoder?.kind !== "word-pieces" || id < FIRST) return text.slice(start, end);
  return facts.encoder.entries[id - FIRST];
}

/**
 * @param {string} token
 * @param {number} place
 */
function spanOf(token, place) {
  const span = element("span", {}, token || say("unknownToken"));
  span.onclick = () => {
    const { pinned } = current;
    if (pinned && pinned.layer.shape.length === 2) actions.pinUnit([place, pinned.unit[1]]);
  };
  return span;
}
