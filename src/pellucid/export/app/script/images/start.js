// Images as a kind of input of a page that answers by itself.
// The first import: nothing else begins before the documents of the page are opened.
import { opening } from "../opening.js";
import { wholeOf } from "../../../../reports/explain/script/arrays.js";
import { element } from "../../../../reports/explain/script/dom.js";
import { inAllColumns } from "../answer.js";
import { inBrowser } from "../browser.js";
import { startPage } from "../page.js";
import { previewImage, readImage, startImages } from "./area.js";
import { paintImage, putOnEasel } from "./drawing.js";
import { showDriving } from "./driving.js";
import { FEATURES, PLACES } from "./features.js";
/** @import { Body, InputKind, OpenedAnswer } from "../types.js" */
/** @import { FeatureKind } from "./features.js" */
/** @import { Image8 } from "./pixels.js" */

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

/** Draw the image at the beginning of the overview, and below what drove the answer. @param {Image8} image @param {OpenedAnswer} answer */
function pictureInput(image, answer) {
  const copy = document.querySelector("[data-input-copy]");
  if (copy && !copy.firstChild) copy.append(element("canvas", { "aria-hidden": "true" }));
  const under = document.getElementById("under");
  for (const canvas of [copy?.firstChild, under]) {
    if (canvas instanceof HTMLCanvasElement) paintImage(canvas, image);
  }
  showDriving(answer);
}

/** @type {InputKind<Image8>} */
const images = {
  read: readImage,
  inputs: (image, _, isMirrored) => mapsOf(image, isMirrored),
  seen: (image, body) => inAllColumns(FEATURES[featureKind(body)](image)),
  words: (body) => PLACES[featureKind(body)],
  show: putOnEasel,
  preview: previewImage,
  pictured: pictureInput,
  start: (page) => startImages(page, (image) => image),
};

startPage(images, inBrowser(images), opening);
