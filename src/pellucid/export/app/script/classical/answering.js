// The answer of a classical model: on features of an input, or on the last hidden layer of a network.
import { need } from "../../../../reports/explain/script/data/missing.js";
import { stored } from "../../../../reports/explain/script/data/stored.js";
import { noveltyOf } from "../answering/novelty.js";
import { runNetwork } from "../engine/network.js";
import { app } from "../facts/app.js";
import { predicted, tempered } from "./predictors.js";
/** @import { Whole } from "../../../../reports/explain/script/types.js" */
/** @import { Features, OpenedAnswer } from "../types.js" */

/** @param {string} name of an array of the predictor */
export const predictorArray = (name) => need(stored(`predictor.${name}`));

/**
 * Probabilities, or the one number predicted.
 * @param {Features} features
 */
export function saidOf(features) {
  const said = predicted(need(app.input.predictor), features, predictorArray);
  return app.classes.length ? tempered(said, app.temperature) : said.slice(0, 1);
}

/**
 * Numbers that stand in all columns.
 * @param {ArrayLike<number>} values
 * @returns {Features}
 */
export const inAllColumns = (values) => ({ columns: Array.from(values, (_, at) => at), values });

/**
 * The answer from numbers of which the detector sees the same.
 * @param {ArrayLike<number>} values
 * @param {Map<string, Whole>} layers
 * @returns {OpenedAnswer}
 */
export function answeredOn(values, layers) {
  const seen = inAllColumns(values);
  return { said: saidOf(seen), novelty: app.novelty && noveltyOf(app.novelty, values), values: layers, seen };
}

/**
 * @param {Whole} inputs of the network
 * @returns {OpenedAnswer}
 */
export function answeredOnNetwork(inputs) {
  const layers = runNetwork(inputs);
  return answeredOn(need(layers.get(app.hidden)).data, layers);
}
