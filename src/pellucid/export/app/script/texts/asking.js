// Texts as a kind of input of a page whose server answers.
// The first import: nothing else begins before the documents of the page are opened.
import { opening } from "../opening.js";
import { byServer } from "../asking.js";
import { startPage } from "../page.js";
import { chooseWord, givenText, previewText, putInField, startTexts } from "./area.js";
import { showLosses } from "./highlight.js";
/** @import { Pair } from "../../../../reports/explain/script/types.js" */
/** @import { OnPage } from "../types.js" */

/** @param {string} text */
const questionOf = async (text) => ({ body: JSON.stringify({ text }), type: "application/json" });

/** @param {Record<string, any>} found @param {string} text */
function paintWords({ pieces, scores }, text) {
  let end = 0;
  const spans = /** @type {string[]} */ (pieces).map((piece) => {
    const start = end;
    end += piece.length;
    return /** @type {Pair} */ ([start, end]);
  });
  showLosses(text, spans, scores, chooseWord);
}

const answering = byServer(questionOf, paintWords);

/** @type {OnPage<string>} */
const TEXTS = {
  read: givenText,
  show: putInField,
  preview: previewText,
  start: (page) => startTexts(page, (text) => text, answering.hide),
};

startPage(TEXTS, answering, opening);
