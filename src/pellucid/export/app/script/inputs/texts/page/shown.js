// The text that is shown now: what the layers of the page speak of, whatever else is answered meanwhile.
import { shapeOf, told } from "../../../../../../reports/explain/script/data/told.js";
import { byId, element } from "../../../../../../reports/explain/script/dom/element.js";
import { current } from "../../../../../../reports/explain/script/page/state.js";
import { actions } from "../../../../../../reports/explain/script/views/actions.js";
import { app } from "../../../facts/app.js";
import { say } from "../../../words/language.js";
import { FIRST } from "../encoding/tokens.js";
import { fitFields, fitShapes } from "../model/lengths.js";
/** @import { Found } from "../encoding/types.js" */
/** @import { ReaderFacts, ReadText } from "../types.js" */

/** @type {{ read: ReadText | null }} */
const now = { read: null };

export const shownText = () => now.read;

/** The encoder of the network whose layers are opened; null without a network. */
const encoderShown = () => /** @type {ReaderFacts} */ (app.bodies[app.opened].input).encoder;

/**
 * Make the layers those of a text.
 * @param {ReadText} read
 */
export function showRead(read) {
  now.read = read;
  const { found, cut } = read.readings[app.opened];
  byId("cut").hidden = !cut;
  byId("cut").textContent = cut ? say("cutNote", { count: encoderShown()?.length ?? 0 }) : "";
  if (!encoderShown()) return;
  told.ids = found.map(({ id }) => id);
  told.tokens = found.map((each) => tokenOf(read.text, each));
  fitShapes(told.layers, found.length);
  fitFields(found.length);
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
  if (now.read && encoderShown()) fitShapes(told.layers, now.read.readings[app.opened].found.length);
}

/**
 * A part of the text; of a mark before or behind it, which stands in no text, the mark's name.
 * @param {string} text
 * @param {Found} found
 */
function tokenOf(text, { id, start, end }) {
  const encoder = encoderShown();
  if (start < end || encoder?.kind !== "word-pieces" || id < FIRST) return text.slice(start, end);
  return encoder.entries[id - FIRST];
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
