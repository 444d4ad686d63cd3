// Probabilities from logits.

/**
 * @param {ArrayLike<number>} logits
 * @returns {Float64Array}
 */
export function softmaxOf(logits) {
  const powers = new Float64Array(logits.length);
  let largest = -Infinity;
  for (let at = 0; at < logits.length; at += 1) largest = Math.max(largest, logits[at]);
  let sum = 0;
  for (let at = 0; at < logits.length; at += 1) {
    powers[at] = Math.exp(logits[at] - largest);
    sum += powers[at];
  }
  return powers.map((power) => power / sum);
}
