// Images as a kind of input: dropped, pasted, chosen, photographed or drawn.
// The first import: nothing else begins before the documents of the page are opened.
import { opening } from "../opening.js";
import { bytesOfBase64, wholeOf } from "../../../../reports/explain/script/arrays.js";
import { byId } from "../../../../reports/explain/script/dom.js";
import { inAllColumns } from "../answer.js";
import { app } from "../app.js";
import { startPage } from "../page.js";
import { say } from "../words/language.js";
import { blankImage, putOnEasel, startDrawing } from "./drawing.js";
import { FEATURES, PLACES } from "./features.js";
import { decoded, drafted, fitted, innerSize } from "./pixels.js";
/** @import { Body, InputKind, PageActions } from "../types.js" */
/** @import { FeatureKind } from "./features.js" */
/** @import { Image8 } from "./pixels.js" */

/** Bytes at the beginning of a file that contain its EXIF. */
const LONGEST_START = 1 << 17;

/** Maps of an image, as the network takes them. @param {Image8} image @param {boolean} isMirrored */
function mapsOf({ data, height, width, channels }, isMirrored) {
  const maps = new Float32Array(data.length);
  for (let channel = 0; channel < channels; channel += 1) {
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const from = isMirrored ? width - 1 - column : column;
        maps[(channel * height + row) * width + column] = data[(row * width + from) * channels + channel];
      }
    }
  }
  return wholeOf([channels, height, width], maps);
}

/** What a classical model without a network sees of an image. @param {Body} body */
const featureKind = (body) => /** @type {FeatureKind} */ (body.input.features);

/** @param {File | Record<string, string>} original */
async function readImage(original) {
  const blob = original instanceof Blob ? original : new Blob([bytesOfBase64(original.file)]);
  const image = await decoded(blob).catch(() => {
    throw new Error(say("unreadable", { name: original instanceof File ? original.name : "" }));
  });
  const inner = innerSize(image);
  if (app.input.stretch) return fitted(image, inner);
  const start = new DataView(await blob.slice(0, LONGEST_START).arrayBuffer());
  return fitted(drafted(image, start, inner), inner);
}

/** @param {PageActions<Image8>} page */
function startImages(page) {
  /** @param {Iterable<File>} files */
  const take = (files) => {
    const originals = [...files].map((file) => ({ name: file.name, original: file }));
    if (originals.length) page.take(originals);
  };
  for (const id of ["choose", "photograph"]) {
    const field = /** @type {HTMLInputElement} */ (byId(id));
    field.onchange = () => {
      take(field.files || []);
      field.value = "";
    };
  }
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
  startDrawing((image) => page.changed(say("blank"), image));
  putOnEasel(blankImage());
  page.opened(blankImage());
}

/** @type {InputKind<Image8>} */
const images = {
  read: readImage,
  inputs: (image, _, isMirrored) => mapsOf(image, isMirrored),
  seen: (image, body) => inAllColumns(FEATURES[featureKind(body)](image)),
  words: (body) => PLACES[featureKind(body)],
  show: putOnEasel,
  start: startImages,
};

startPage(images, opening);
