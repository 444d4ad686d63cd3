// GELU over whole arrays: cubic pieces between exact values, nearer to them than single precision can tell.
import { activate } from "../../../../reports/explain/script/arithmetic/activations.js";
/** @import { Layer, Whole } from "../../../../reports/explain/script/types.js" */

/** From this size on the function is x, or 0, as far as single precision can tell. */
const REACH = 8;
/** Pieces for each 1; the error of a piece falls with their fourth power, and is 3e-10 here. */
const PIECES = 64;

/** @type {{ pieces: Float64Array | null }} four coefficients for each, made when they are first needed */
const curve = { pieces: null };

/**
 * Pieces that meet the function and its slope at both ends.
 * @param {Layer<"gelu">} layer
 */
function curveOf(layer) {
  const count = 2 * REACH * PIECES;
  /** @param {number} at */
  const placeOf = (at) => at / PIECES - REACH;
  const values = Float64Array.from({ length: count + 1 }, (_, at) => activate(layer, placeOf(at)));
  const slopes = Float64Array.from({ length: count + 1 }, (_, at) => {
    const x = placeOf(at);
    const share = x ? values[at] / x : 0.5;
    return (share + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)) / PIECES;
  });
  const pieces = new Float64Array(4 * count);
  for (let at = 0; at < count; at += 1) {
    const rise = values[at + 1] - values[at];
    const [first, last] = [slopes[at], slopes[at + 1]];
    pieces.set([values[at], first, 3 * rise - 2 * first - last, first + last - 2 * rise], 4 * at);
  }
  return pieces;
}

/**
 * @param {Layer<"gelu">} layer
 * @param {Whole[]} sources
 */
export function geluLayer(layer, [{ data }]) {
  curve.pieces = curve.pieces || curveOf(layer);
  const { pieces } = curve;
  const made = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += 1) {
    const x = data[at];
    if (x > -REACH && x < REACH) {
      const place = (x + REACH) * PIECES;
      const piece = Math.floor(place);
      const part = place - piece;
      const c = 4 * piece;
      made[at] = pieces[c] + part * (pieces[c + 1] + part * (pieces[c + 2] + part * pieces[c + 3]));
    } else made[at] = x < 0 ? 0 : x; // what is no number stays none
  }
  return made;
}
