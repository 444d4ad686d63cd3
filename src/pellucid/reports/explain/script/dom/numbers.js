// Numbers, counts and indices as people read them.

/**
 * @param {number} number
 * @param {number} [digits]
 */
export function shown(number, digits = 5) {
  if (number === 0) return "0";
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  const inPowers = size < 1e-4 || size >= 1e7;
  const text = inPowers ? number.toExponential(digits - 1) : String(Number(number.toPrecision(digits)));
  return text.replaceAll("-", "\u2212");
}

/** @param {number} count */
export const counted = (count) => count.toLocaleString("en");

/** @param {number[]} index */
export const indexText = (index) => `(${index.join(", ")})`;
