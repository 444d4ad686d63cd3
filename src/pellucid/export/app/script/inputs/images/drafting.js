// Large photographs in JPEG, as Pillow decodes them: at a half, a quarter or an eighth of their size.
//
// The decoder makes of each block of 8 x 8 pixels 4 x 4, 2 x 2 or 1, each the mean of those that it stands for. A
// browser decodes at full size, so that these means are taken afterwards. Blocks begin at the corner that was the
// upper left one in the file, before EXIF turned it.
import { app } from "../../facts/app.js";
/** @import { Image8 } from "./resampling.js" */

/** JPEGs of at least so many pixels are decoded smaller, down to so many times what they will be fitted to. */
const DRAFT_FROM = 1_000_000;
const DRAFT_MARGIN = 2;

const ORIENTATION = 0x0112;
const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0];
/** Orientations in which the end of the file's rows, or its last rows, come to lie on the left, or at the top. */
const ENDS_LEFT = [2, 3, 6, 7];
const ENDS_TOP = [3, 4, 7, 8];

/**
 * @param {Image8} image upright, of red, green and blue
 * @param {DataView} start of its file
 * @param {[rows: number, columns: number]} inner what it will be fitted to
 * @returns {Image8}
 */
export function drafted(image, start, [rows, columns]) {
  const isJpeg = start.byteLength > 2 && start.getUint16(0) === 0xffd8;
  if (!isJpeg || image.height * image.width < DRAFT_FROM) return image;
  const scale = Math.min(
    Math.floor(image.width / (DRAFT_MARGIN * columns)),
    Math.floor(image.height / (DRAFT_MARGIN * rows)),
  );
  const side = [8, 4, 2].find((each) => scale >= each);
  return side ? means(image, side, orientationOf(start)) : image;
}

/**
 * Means of squares of pixels; beyond its border an image is as encoders fill up its last blocks, with its last pixels.
 * @param {Image8} image
 * @param {number} side of the squares
 * @param {number} orientation
 * @returns {Image8}
 */
function means({ data, height, width, channels }, side, orientation) {
  const [rows, columns] = [Math.ceil(height / side), Math.ceil(width / side)];
  const top = ENDS_TOP.includes(orientation) ? height - rows * side : 0;
  const left = ENDS_LEFT.includes(orientation) ? width - columns * side : 0;
  const made = new Uint8Array(rows * columns * channels);
  const sums = new Float64Array(columns * channels);
  for (let row = 0; row < rows; row += 1) {
    sums.fill(0);
    for (let y = row * side + top; y < (row + 1) * side + top; y += 1) {
      const start = Math.min(height - 1, Math.max(0, y)) * width;
      for (let x = left; x < columns * side + left; x += 1) {
        const from = (start + Math.min(width - 1, Math.max(0, x))) * channels;
        const to = Math.floor((x - left) / side) * channels;
        for (let part = 0; part < channels; part += 1) sums[to + part] += data[from + part];
      }
    }
    for (let at = 0; at < sums.length; at += channels) {
      made.set(asInJpeg(sums.subarray(at, at + channels), side * side), row * sums.length + at);
    }
  }
  return { data: made, height: rows, width: columns, channels };
}

/**
 * A mean colour as the decoder has it: brightness and both differences of colour as whole numbers, from which red,
 * green and blue are computed in 16 bits behind the point.
 * @param {Float64Array} sums of red, green and blue
 * @param {number} count of pixels
 */
function asInJpeg(sums, count) {
  const [red, green, blue] = [sums[0] / count, sums[1] / count, sums[2] / count];
  const y = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  const cb = Math.round(-0.168735892 * red - 0.331264108 * green + 0.5 * blue);
  const cr = Math.round(0.5 * red - 0.418687589 * green - 0.081312411 * blue);
  return [
    within255(y + ((91881 * cr + 32768) >> 16)),
    within255(y + ((-22554 * cb - 46802 * cr + 32768) >> 16)),
    within255(y + ((116130 * cb + 32768) >> 16)),
  ];
}

/** @param {number} level */
const within255 = (level) => Math.min(255, Math.max(0, level));

/**
 * Orientation of a JPEG by its EXIF, 1 to 8; 1 where it says none.
 * @param {DataView} start of the file
 */
export function orientationOf(start) {
  let at = 2;
  while (at + 10 < start.byteLength && start.getUint8(at) === 0xff) {
    const length = start.getUint16(at + 2);
    const isExif = EXIF.every((byte, index) => start.getUint8(at + 4 + index) === byte);
    if (start.getUint8(at + 1) === 0xe1 && isExif) return orientationIn(start, at + 10);
    at += 2 + length;
  }
  return 1;
}

/**
 * @param {DataView} start
 * @param {number} tiff where the directories of EXIF begin
 */
function orientationIn(start, tiff) {
  if (tiff + 8 > start.byteLength) return 1;
  const isLittle = start.getUint16(tiff) === 0x4949;
  const directory = tiff + start.getUint32(tiff + 4, isLittle);
  if (directory + 2 > start.byteLength) return 1;
  const count = start.getUint16(directory, isLittle);
  for (let entry = 0; entry < count; entry += 1) {
    const at = directory + 2 + 12 * entry;
    if (at + 12 > start.byteLength) return 1;
    if (start.getUint16(at, isLittle) === ORIENTATION) return start.getUint16(at + 8, isLittle);
  }
  return 1;
}

/**
 * Size of an image once it is fitted inside that of the network, its aspect kept, or stretched to it.
 * @param {{ height: number, width: number }} own
 * @returns {[rows: number, columns: number]}
 */
export function innerSize(own) {
  const { height, width, stretch } = app.input;
  if (stretch) return [height, width];
  const scale = Math.min(height / own.height, width / own.width);
  return [
    Math.min(height, Math.max(1, roundedToEven(own.height * scale))),
    Math.min(width, Math.max(1, roundedToEven(own.width * scale))),
  ];
}

/**
 * Rounded, and a half to the even neighbour.
 * @param {number} number
 */
function roundedToEven(number) {
  const below = Math.floor(number);
  if (number - below === 0.5) return below % 2 === 0 ? below : below + 1;
  return Math.round(number);
}
