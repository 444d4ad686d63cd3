// How whole layers of networks of texts are computed fast, by their kinds.
import { FAST } from "../../../engine/layers.js";
import { attentionFast, mixedFast } from "./attending.js";
import { embeddedFast, normedFast, placedFast, pooledFast } from "./places.js";
import { dense } from "./products.js";
import { recurredFast } from "./recurring.js";
import { slidFast } from "./sliding.js";
import { weighedSumFast } from "./sums.js";
/** @import { Floats, Kind, Layer, Numbers, RecurrentKind, Whole } from "../../../../../../reports/explain/script/types.js" */

/**
 * @param {Layer<RecurrentKind>} layer
 * @param {Whole[]} sources
 * @param {Numbers[]} weights
 */
const recurrentFast = ({ kind }, [x], weights) => recurredFast(kind, x, weights);

/**
 * @param {Layer<"text-max" | "text-average">} layer
 * @param {Whole[]} sources
 */
const poolFast = ({ kind }, [x]) => pooledFast(x, kind);

/** @type {{ [K in Kind]?: (layer: Layer<K>, sources: Whole[], weights: Numbers[]) => Floats }} */
const OF_TEXTS = {
  embedding: (_, [ids], [table]) => embeddedFast(ids, table),
  places: (_, [x], [table]) => placedFast(x, table),
  "weighed-sum": ({ settings }, [ids], weights) => weighedSumFast(settings.groups, ids, weights),
  neighbours: (_, [x], [weight, bias]) => slidFast(x, weight, bias),
  lstm: recurrentFast,
  gru: recurrentFast,
  "attention-weights": ({ settings }, [projected]) => attentionFast(settings.heads, projected),
  attention: (_, [projected, shares]) => mixedFast(shares.shape[0], projected, shares),
  "layer-norm": ({ settings }, [x], weights) => normedFast(settings.epsilon, x, weights),
  dense: (_, [x], [weight, bias]) => dense(x.data, weight.data, bias ? bias.data : null, weight.shape[1]),
  "text-max": poolFast,
  "text-average": poolFast,
};

Object.assign(FAST, OF_TEXTS);
