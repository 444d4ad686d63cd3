// Shares of a whole: the sigmoid and the error function of one number, and the softmax of several, in double precision.

/** @param {number} x */
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** @param {ArrayLike<number>} numbers */
export function sumOf(numbers) {
  let sum = 0;
  for (let at = 0; at < numbers.length; at += 1) sum += numbers[at];
  return sum;
}

/** Powers of e, of each number less the largest. @param {ArrayLike<number>} numbers */
export function exponentials(numbers) {
  let most = -Infinity;
  for (let at = 0; at < numbers.length; at += 1) most = Math.max(most, numbers[at]);
  return { most, powers: Float64Array.from(numbers, (number) => Math.exp(number - most)) };
}

/** @param {ArrayLike<number>} logits */
export function softmaxOf(logits) {
  const { powers } = exponentials(logits);
  const sum = sumOf(powers);
  return powers.map((power) => power / sum);
}

/** A term of the series of the error function that changes no digit of a sum near 1. */
const NEGLIGIBLE = 1e-18;

/**
 * The error function: its power series where that converges quickly, and a continued fraction beyond.
 * @param {number} x
 */
export function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 3) {
    let term = size;
    let total = size;
    for (let n = 1; n < 80; n += 1) {
      term *= (-size * size) / n;
      total += term / (2 * n + 1);
      if (Math.abs(term) < NEGLIGIBLE) break;
    }
    return (Math.sign(x) * 2 * total) / Math.sqrt(Math.PI);
  }
  let tail = 0;
  for (let n = 60; n > 0; n -= 1) tail = n / 2 / (size + tail);
  return Math.sign(x) * (1 - Math.exp(-size * size) / ((size + tail) * Math.sqrt(Math.PI)));
}
