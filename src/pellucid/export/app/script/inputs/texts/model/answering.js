// The answer about a text: from what networks read of it, and from its words.
import { wholeOf } from "../../../../../../reports/explain/script/data/arrays.js";
import { need } from "../../../../../../reports/explain/script/data/missing.js";
import { stored } from "../../../../../../reports/explain/script/data/stored.js";
import { answered } from "../../../answering/answer.js";
import { layersOf } from "../../../engine/network.js";
import { app } from "../../../facts/app.js";
import { fitShapes } from "./lengths.js";
import { nearness } from "./nearness.js";
/** @import { Body, Eyes } from "../../../types.js" */
/** @import { Reading, ReadText } from "../types.js" */

/**
 * A text as a body reads it.
 * @param {ReadText} read
 * @param {Body} body
 * @returns {Reading}
 */
export const readingOf = (read, body) => read.readings[app.bodies.indexOf(body)];

/** @type {Eyes<ReadText>} */
export const TEXT_EYES = {
  inputs(read, body) {
    const { found } = readingOf(read, body);
    fitShapes(layersOf(body), found.length);
    return wholeOf(
      [found.length],
      Float32Array.from(found, ({ id }) => id),
    );
  },
  seen: (read, body) => need(readingOf(read, body).features),
  signals: (features) => nearness(features, (name) => need(stored(`novelty.measure.${name}`))),
};

/** @param {ReadText} read */
export const answeredText = (read) => answered(TEXT_EYES, read);
