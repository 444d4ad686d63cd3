// Names of the features that a classical model sees.
import { button } from "../../../../reports/explain/script/dom/controls.js";
import { layerCalled } from "../../../../reports/explain/script/data/told.js";
import { chooseLayer } from "../../../../reports/explain/script/page/pinning.js";
import { app } from "../facts/app.js";
import { say } from "../words/language.js";
/** @import { FeatureWords } from "../types.js" */

/** @typedef {(column: number) => Node | string} ColumnNamer */

/**
 * Units of the last hidden layer: a click opens the unit's own arithmetic, where the layers are those of the page.
 * @param {number} body
 * @param {number} column
 */
function unitOf(body, column) {
  const name = say("unitNumber", { number: column });
  const layer = body === app.opened ? layerCalled(app.bodies[body].hidden) : undefined;
  if (!layer || layer.hidden || layer.shape.length !== 1) return name;
  return button({ class: "number-button" }, name, () => chooseLayer(layer, [column]));
}

/**
 * @param {number} body
 * @param {FeatureWords | undefined} words of features of the input itself
 * @returns {ColumnNamer}
 */
export const namesOf = (body, words) => words?.nameOf ?? ((column) => unitOf(body, column));
