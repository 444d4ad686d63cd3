// Features of an image for classical models: its pixels, or its histograms of oriented gradients.
import { histograms } from "./hog.js";
import { inGroups } from "./pooling.js";
/** @import { Image8 } from "../resampling.js" */

export const LONGEST_OF_PIXELS = 32;
export const LONGEST_OF_HOG = 64;

/** @typedef {"pixels" | "hog"} FeatureKind */

/** @type {Record<FeatureKind, (image: Image8) => Float32Array>} */
export const FEATURES = {
  // Square roots bring out the differences between dark pixels as much as those between bright ones.
  pixels: (image) =>
    inGroups(image, LONGEST_OF_PIXELS).data.map((number) => Math.sqrt(Math.fround(number / 255))),
  hog(image) {
    const found = inGroups(image, LONGEST_OF_HOG);
    return histograms({ ...found, data: found.data.map((number) => number / 255) });
  },
};
