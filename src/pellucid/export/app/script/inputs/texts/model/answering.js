// The answer about a text: by the network, by a classical model on its words, or by one on top of a network.
import { wholeOf } from "../../../../../../reports/explain/script/data/arrays.js";
import { need } from "../../../../../../reports/explain/script/data/missing.js";
import { stored } from "../../../../../../reports/explain/script/data/stored.js";
import { answered } from "../../../answering/answer.js";
import { noveltyOf, noveltyOfSignals } from "../../../answering/novelty.js";
import { runNetwork } from "../../../engine/network.js";
import { app } from "../../../facts/app.js";
import { nearness } from "../classical/nearness.js";
import { predicted, tempered } from "../classical/predictors.js";
import { fitShapes } from "./lengths.js";
import { facts } from "./reading.js";
/** @import { Whole } from "../../../../../../reports/explain/script/types.js" */
/** @import { OpenedAnswer } from "../../../types.js" */
/** @import { Features, ReadText } from "../types.js" */

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
  return { said: saidOf(features), novelty, values: new Map() };
}

/**
 * @param {Whole} ids
 * @returns {OpenedAnswer}
 */
function answeredOnNetwork(ids) {
  const values = runNetwork(ids);
  const seen = need(values.get(app.hidden)).data;
  const said = saidOf({ columns: Array.from(seen, (_, at) => at), values: seen });
  return { said, novelty: app.novelty && noveltyOf(app.novelty, seen), values };
}

/** @param {Features} features */
function saidOf(features) {
  const said = predicted(need(facts.predictor), features, (name) => need(stored(`predictor.${name}`)));
  return app.classes.length ? tempered(said, app.temperature) : said.slice(0, 1);
}
