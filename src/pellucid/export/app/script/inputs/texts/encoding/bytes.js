// Bytes: out of the text that a page can hold, and out of strings, as Python writes them.

/**
 * The bytes that a text in base64 stands for.
 * @param {string} text
 */
export function bytesOf(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

/**
 * Runs of equal numbers: a byte for the number, and the length of the run, seven bits a byte, the low ones first.
 * @param {string} packed in base64
 * @param {(number: number, start: number, end: number) => void} take
 */
export function unpackRuns(packed, take) {
  const bytes = bytesOf(packed);
  let at = 0;
  let start = 0;
  while (at < bytes.length) {
    const number = bytes[at];
    let length = 0;
    let unit = 1;
    do {
      at += 1;
      length += (bytes[at] & 127) * unit;
      unit *= 128;
    } while (bytes[at] & 128);
    take(number, start, start + length);
    start += length;
    at += 1;
  }
}

/**
 * UTF-8 of one code point. Half of a surrogate pair gets the three bytes that its number would have, as with
 * Python's `surrogatepass`; the browser's own encoder would put another character in its place.
 * @param {number} point
 */
export function utf8Of(point) {
  if (point < 0x80) return [point];
  if (point < 0x800) return [0xc0 | (point >> 6), 0x80 | (point & 63)];
  const last = [0x80 | ((point >> 6) & 63), 0x80 | (point & 63)];
  if (point < 0x10000) return [0xe0 | (point >> 12), ...last];
  return [0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), ...last];
}

/**
 * The code points of a text; half of a surrogate pair is one of its own.
 * @param {string} text
 */
export const pointsOf = (text) =>
  Array.from(text, (character) => /** @type {number} */ (character.codePointAt(0)));

const AT_ONCE = 8192;

/**
 * The text of some code points; many at once would be too many arguments of one call.
 * @param {number[]} points
 */
export function textOf(points) {
  let text = "";
  for (let at = 0; at < points.length; at += AT_ONCE) {
    text += String.fromCodePoint(...points.slice(at, at + AT_ONCE));
  }
  return text;
}

/**
 * The text with a question mark for every half of a surrogate pair, so that UTF-8 can write it.
 * @param {string} text
 */
export const writable = (text) =>
  text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "?");
