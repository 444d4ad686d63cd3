// From a file to pixels, by the browser's own decoders: upright by EXIF, over white, colours as they are stored.
import { contextOf, element } from "../../../../../reports/explain/script/dom/element.js";
/** @import { Image8 } from "./resampling.js" */

/**
 * @param {Blob} file
 * @returns {Promise<Image8>} red, green and blue
 */
export async function decoded(file) {
  const bitmap = await createImageBitmap(file, {
    imageOrientation: "from-image",
    colorSpaceConversion: "none",
    premultiplyAlpha: "default",
  });
  const { height, width } = bitmap;
  const canvas = element("canvas", { width, height });
  const context = contextOf(canvas);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(3 * height * width);
  for (let at = 0; at < height * width; at += 1) {
    pixels[3 * at] = data[4 * at];
    pixels[3 * at + 1] = data[4 * at + 1];
    pixels[3 * at + 2] = data[4 * at + 2];
  }
  return { data: pixels, height, width, channels: 3 };
}
