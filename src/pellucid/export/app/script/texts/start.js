// Texts as a kind of input: typed, pasted, or many of them out of a file.
// The first import: nothing else begins before the documents of the page are opened.
import { opening } from "../opening.js";
import { byId } from "../../../../reports/explain/script/dom.js";
import { startPage } from "../page.js";
import { say } from "../words/language.js";
import { driveNothing, driveSoon, showAgain, shownText, showRead, showTerms } from "./page.js";
import { facts, readText, requireText, TEXT_EYES } from "./reading.js";
import { textsOfFile } from "./tables.js";
/** @import { Body, InputKind, PageActions } from "../types.js" */
/** @import { ReaderFacts, ReadText } from "./types.js" */

const field = () => /** @type {HTMLTextAreaElement} */ (byId("text"));

/** Select a word, so that it can be written anew. @param {number} start @param {number} end */
function chooseWord(start, end) {
  field().focus();
  field().setSelectionRange(start, end);
}

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
  async read(original) {
    const text = original instanceof File ? await original.text() : original.text;
    if (!(original instanceof File) && original.error) throw new Error(original.error);
    requireText(text);
    return readText(text);
  },
  answered(read) {
    if (read !== shownText()) showAgain();
  },
  words(body) {
    const terms = tfidfTermsOf(body);
    return { nameOf: (column) => terms[column] };
  },
  show(read) {
    field().value = read.text;
    showText(read);
  },
  start: startTexts,
};

/** @param {PageActions<ReadText>} page */
function startTexts(page) {
  const follow = () => {
    const text = field().value;
    try {
      requireText(text);
    } catch {
      driveNothing();
      return;
    }
    const read = readText(text);
    showText(read);
    page.changed(say("typed"), read);
  };
  field().oninput = follow;
  byId("clear").onclick = () => {
    field().value = "";
    follow();
    field().focus();
  };
  /** @param {Iterable<File>} files */
  const take = (files) => void takeFiles(files, page);
  const chosen = /** @type {HTMLInputElement} */ (byId("choose"));
  chosen.onchange = () => {
    take(chosen.files || []);
    chosen.value = "";
  };
  document.ondragover = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    byId("drop").classList.add("over");
  };
  document.ondragleave = () => byId("drop").classList.remove("over");
  document.ondrop = (event) => {
    byId("drop").classList.remove("over");
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  };
}

/** Answer all texts of some files. @param {Iterable<File>} files @param {PageActions<ReadText>} page */
async function takeFiles(files, page) {
  const originals = [];
  for (const file of files) {
    for (const { name, text, error } of textsOfFile(file.name, await file.text(), facts.columns)) {
      originals.push({ name, original: { text, error } });
    }
  }
  if (originals.length) page.take(originals);
}

startPage(TEXTS, opening);
