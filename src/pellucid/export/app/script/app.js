// What Python writes of the model besides its layers.
import { need } from "../../../reports/explain/script/arrays.js";
import { byId } from "../../../reports/explain/script/dom.js";
import { pageData, stored } from "../../../reports/explain/script/page_data.js";
/** @import { HiddenLayer, Layer } from "../../../reports/explain/script/types.js" */
/** @import { App, Arrays, Body, Predictor } from "./types.js" */

/** @type {App} */
export const app = JSON.parse(byId("app").textContent);

/** Arrays of a predictor, by their names. @param {Predictor} predictor @returns {Arrays} */
export const arraysOf = (predictor) => (name) => need(stored(predictor.arrays + name));

/**
 * The layers of a body's network: those that the page opens, or those of another member.
 * @param {Body} body @returns {(Layer | HiddenLayer)[]}
 */
export const layersOf = (body) => body.layers ?? pageData.layers;
