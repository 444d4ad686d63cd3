// What Python tells of the model beside its layers.
import { byId } from "../../../../reports/explain/script/dom/element.js";
/** @import { App } from "../types.js" */

/** @type {App} */
export const app = JSON.parse(byId("app").textContent);
