// Texts as a kind of input of a page that answers by itself.
// The first import: nothing else begins before the documents of the page are opened.
import { opening } from "../opening.js";
import { inBrowser } from "../browser.js";
import { startPage } from "../page.js";
import { chooseWord, givenText, previewText, putInField, startTexts } from "./area.js";
import { driveNothing, driveSoon, showAgain, shownText, showRead, showTerms } from "./page.js";
import { app } from "../app.js";
import { showOnCharacters } from "./highlight.js";
import { withoutJoints } from "./grams.js";
import { readText, TEXT_EYES } from "./reading.js";
/** @import { Body, InputKind } from "../types.js" */
/** @import { ReaderFacts, ReadText } from "./types.js" */

/** @param {ReadText} read */
function showText(read) {
  showRead(read);
  showTerms(read);
  driveSoon(read, chooseWord);
}

/** Terms of a body, in the order of its columns. @param {Body} body */
const tfidfTermsOf = (body) => /** @type {ReaderFacts} */ (body.input).terms?.terms.flat() ?? [];

/** @type {InputKind<ReadText>} */
const TEXTS = {
  ...TEXT_EYES,
  read: async (original) => readText(await givenText(original)),
  answered(read) {
    if (read !== shownText()) showAgain();
  },
  words(body) {
    const terms = tfidfTermsOf(body);
    return { nameOf: (column) => withoutJoints(terms[column]) };
  },
  show(read) {
    putInField(read.text);
    showText(read);
  },
  preview: previewText,
  pictured({ text, readings }) {
    showOnCharacters(text, readings[app.opened].found);
    const copy = document.querySelector("#overview .picture.words");
    if (copy) copy.textContent = [...text].slice(0, 60).join("");
  },
  start(page) {
    const readyOf = (/** @type {string} */ text) => {
      const read = readText(text);
      showText(read);
      return read;
    };
    startTexts(page, readyOf, driveNothing);
  },
};

startPage(TEXTS, inBrowser(TEXTS), opening);
