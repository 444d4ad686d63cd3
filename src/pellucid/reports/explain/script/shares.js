// Shares of a whole: the sigmoid of one number, and the softmax of several, in double precision.

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
