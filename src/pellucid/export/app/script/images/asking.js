// Images as a kind of input of a page whose server answers: it gets the file itself, or the drawing.
// The first import: nothing else begins before the documents of the page are opened.
import { opening } from "../opening.js";
import { canvasById, element } from "../../../../reports/explain/script/dom.js";
import { byId } from "../../../../reports/explain/script/dom.js";
import { centredScale, legend, paintPixels } from "../../../../reports/explain/script/drawing.js";
import { byServer } from "../asking.js";
import { startPage } from "../page.js";
import { fileOf, previewImage, readImage, startImages } from "./area.js";
import { blankImage, paintImage, putOnEasel } from "./drawing.js";
/** @import { OnPage } from "../types.js" */
/** @import { Image8 } from "./pixels.js" */

/**
 * An image as the browser shows it, where it can, and the file; a drawing has none.
 * @typedef {{ image: Image8 | null, file: Blob | null }} SentImage
 */

/** The image as a file without loss. @param {Image8} image @returns {Promise<Blob>} */
function pngOf(image) {
  const canvas = element("canvas");
  paintImage(canvas, image);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no PNG"))), "image/png");
  });
}

/** @param {SentImage} ready */
async function questionOf({ image, file }) {
  const body = file ?? (await pngOf(image ?? blankImage()));
  return { body, type: body.type || "application/octet-stream" };
}

/** @type {OnPage<SentImage>} */
const images = {
  async read(original) {
    // What the browser cannot decode, such as TIFF, the server may.
    const image = await readImage(original).catch(() => null);
    return { image, file: fileOf(original) };
  },
  show: ({ image }) => putOnEasel(image ?? blankImage()),
  preview: previewImage,
  start: (page) => startImages(page, (image) => ({ image, file: null })),
};

/** @param {Record<string, any>} found @param {SentImage} ready */
function paintHeat({ scores }, { image }) {
  const numbers = /** @type {number[]} */ (scores.flat());
  const scale = centredScale(Math.max(...numbers.map(Math.abs)));
  paintImage(canvasById("under"), image ?? blankImage());
  paintPixels(canvasById("heat"), [scores.length, scores[0].length], numbers, scale);
  byId("drove-legend").replaceChildren(legend(scale));
}

startPage(images, byServer(questionOf, paintHeat), opening);
