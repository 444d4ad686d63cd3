// Names of the features that a classical model sees.
import { button } from "../../../../reports/explain/script/dom/controls.js";
import { layerCalled } from "../../../../reports/explain/script/data/told.js";
import { chooseLayer } from "../../../../reports/explain/script/page/pinning.js";
import { app } from "../facts/app.js";
import { say } from "../words/language.js";
/** @import { FeatureWords } from "../types.js" */

/**
 * Units of the last hidden layer: a click opens the unit's own arithmetic.
 * @param {number} column
 */
function unitOf(column) {
  const name = say("unitNumber", { number: column });
  const layer = layerCalled(app.hidden);
  if (!layer || layer.hidden || layer.shape.length !== 1) return name;
  return button({ class: "number-button" }, name, () => chooseLayer(layer, [column]));
}

/**
 * @param {FeatureWords | undefined} words
 * @returns {(column: number) => Node | string}
 */
export const namesOf = (words) => (app.hidden || !words ? unitOf : words.nameOf);
