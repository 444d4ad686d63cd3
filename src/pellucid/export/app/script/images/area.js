// Where images are handed over: dropped, pasted, chosen, photographed or drawn.
import { bytesOfBase64 } from "../../../../reports/explain/script/arrays.js";
import { byId, element } from "../../../../reports/explain/script/dom.js";
import { app } from "../app.js";
import { nameNode, say, spoken } from "../words/language.js";
import { startCamera } from "./camera.js";
import { blankImage, paintImage, putOnEasel, startDrawing } from "./drawing.js";
import { decoded, drafted, fitted, innerSize } from "./pixels.js";
/** @import { Original, PageActions } from "../types.js" */
/** @import { Name } from "../words/language.js" */
/** @import { Image8 } from "./pixels.js" */

/** Bytes at the beginning of a file that contain its EXIF. */
const LONGEST_START = 1 << 17;

/** @param {Original} original @returns {Blob} */
export const fileOf = (original) =>
  original instanceof Blob
    ? original
    : new Blob([bytesOfBase64(original.file)], { type: original.type ?? "" });

/** An image as the model sees it. @param {Original} original @returns {Promise<Image8>} */
export async function readImage(original) {
  const blob = fileOf(original);
  const image = await decoded(blob).catch(() => {
    throw spoken("unreadable", { name: original instanceof File ? original.name : "" });
  });
  const inner = innerSize(image);
  if (app.input.stretch) return fitted(image, inner);
  const start = new DataView(await blob.slice(0, LONGEST_START).arrayBuffer());
  return fitted(drafted(image, start, inner), inner);
}

/** An example as the model sees it, with its name for those who do not. @param {Original} original @param {Name} name */
export function previewImage(original, name) {
  const canvas = element("canvas");
  void readImage(original).then((image) => paintImage(canvas, image));
  return element("span", {}, canvas, element("span", { class: "hidden" }, nameNode(name)));
}

/**
 * @template Ready @param {PageActions<Ready>} page
 * @param {(image: Image8) => Ready} readyOf an image that was drawn, or that the camera shows
 */
export function startImages(page, readyOf) {
  /** @param {Iterable<File>} files */
  const take = (files) => {
    const originals = [...files].map((file) => ({ name: file.name, original: file }));
    if (originals.length) page.take(originals);
  };
  const fields = ["choose", "photograph"].map((id) => /** @type {HTMLInputElement} */ (byId(id)));
  /** @param {HTMLInputElement} field */
  const takeFrom = (field) => {
    take(field.files || []);
    field.value = "";
  };
  for (const field of fields) field.onchange = () => takeFrom(field);
  document.ondragover = (event) => {
    event.preventDefault();
    byId("drop").classList.add("over");
  };
  document.ondragleave = () => byId("drop").classList.remove("over");
  document.ondrop = (event) => {
    event.preventDefault();
    byId("drop").classList.remove("over");
    take(event.dataTransfer?.files || []);
  };
  document.onpaste = (event) => take(event.clipboardData?.files || []);
  startDrawing((image) => page.changed(() => say("blank"), readyOf(image)));
  startCamera((image) => {
    putOnEasel(image);
    page.changed(() => say("cameraName"), readyOf(image));
  });
  putOnEasel(blankImage());
  page.opened(readyOf(blankImage()));
  fields.forEach(takeFrom); // what was chosen while the page was opening
}
