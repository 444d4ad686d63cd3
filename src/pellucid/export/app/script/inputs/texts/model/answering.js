// The answer about a text: by the network, by a classical model on its words, or by one on top of a network.
import { wholeOf } from "../../../../../../reports/explain/script/data/arrays.js";
import { need } from "../../../../../../reports/explain/script/data/missing.js";
import { stored } from "../../../../../../reports/explain/script/data/stored.js";
import { answered } from "../../../answering/answer.js";
import { noveltyOfSignals } from "../../../answering/novelty.js";
import { answeredOnNetwork, saidOf } from "../../../classical/answering.js";
import { app } from "../../../facts/app.js";
import { fitShapes } from "./lengths.js";
import { nearness } from "./nearness.js";
import { facts } from "./reading.js";
/** @import { Features, OpenedAnswer } from "../../../types.js" */
/** @import { ReadText } from "../types.js" */

/**
 * @param {ReadText} read
 * @returns {OpenedAnswer}
 */
export function answeredText(read) {
  if (!facts.encoder) return answeredByWords(need(read.features));
  fitShapes(read.found.length);
  const ids = wholeOf(
    [read.found.length],
    Float32Array.from(read.found, ({ id }) => id),
  );
  return facts.predictor ? answeredOnNetwork(ids) : answered([ids]);
}

/**
 * @param {Features} features
 * @returns {OpenedAnswer}
 */
function answeredByWords(features) {
  const novelty =
    app.novelty && noveltyOfSignals(nearness(features, (name) => need(stored(`novelty.measure.${name}`))));
  return { said: saidOf(features), novelty, values: new Map(), seen: features };
}
