// Where texts are handed over: typed, pasted, or many of them out of a file.
import { byId, element } from "../../../../reports/explain/script/dom.js";
import { app } from "../app.js";
import { say, spoken } from "../words/language.js";
import { textsOfFile } from "./tables.js";
/** @import { Original, PageActions } from "../types.js" */
/** @import { TextFacts } from "./types.js" */

const BLANK = /^[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}]*$/u;
const HALF_A_PAIR = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Refuse what is no text. @param {string} text */
function requireText(text) {
  if (BLANK.test(text)) throw spoken("blankText");
  if (HALF_A_PAIR.test(text)) throw spoken("halfAPair");
}

const field = () => /** @type {HTMLTextAreaElement} */ (byId("text"));

/** Show a text where it can be changed. @param {string} text */
export function putInField(text) {
  field().value = text;
}

/** Select a word, so that it can be written anew. @param {number} start @param {number} end */
export function chooseWord(start, end) {
  field().focus();
  field().setSelectionRange(start, end);
}

/** @param {Original} original @returns {Promise<string>} */
export async function givenText(original) {
  const text = original instanceof File ? await original.text() : original.text;
  if (!(original instanceof File) && original.error) throw new Error(original.error);
  requireText(text);
  return text;
}

/** Characters of an example on its button. */
const PREVIEWED = 60;

/** How an example begins. @param {Original} original */
export function previewText(original) {
  const text = original instanceof File ? original.name : original.text;
  const characters = [...text];
  const cut = characters.length > PREVIEWED ? "\u2026" : "";
  return element("span", { class: "foreign" }, characters.slice(0, PREVIEWED).join("") + cut);
}

/**
 * @template Ready @param {PageActions<Ready>} page
 * @param {(text: string) => Ready} readyOf a text that was typed; called at every change
 * @param {() => void} emptied what is to be done where there is no text
 */
export function startTexts(page, readyOf, emptied) {
  const follow = () => {
    const text = field().value;
    try {
      requireText(text);
    } catch {
      emptied();
      return;
    }
    page.changed(() => say("typed"), readyOf(text));
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
  const takeChosen = () => {
    take(chosen.files || []);
    chosen.value = "";
  };
  chosen.onchange = takeChosen;
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
  // What was given while the page was opening.
  if (field().value) follow();
  takeChosen();
}

/**
 * Answer all texts of some files.
 * @template Ready @param {Iterable<File>} files @param {PageActions<Ready>} page
 */
async function takeFiles(files, page) {
  const originals = [];
  for (const file of files) {
    for (const { name, text, error } of textsOfFile(
      file.name,
      await file.text(),
      /** @type {TextFacts} */ (app.input).columns,
    )) {
      originals.push({ name, original: { text, error } });
    }
  }
  if (originals.length) page.take(originals);
}
