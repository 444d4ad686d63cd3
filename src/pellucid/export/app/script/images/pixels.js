// From an image file to the pixels that the network takes, exactly as Pillow and Pellucid's preprocessing.
import { contextOf, element } from "../../../../reports/explain/script/dom.js";
import { app } from "../app.js";

// Resizing of images exactly as Pillow does it, in its fixed-point arithmetic: reduced first, then by a Lanczos filter.

/**
 * An image of 8 bits a channel: rows of pixels, the channels of each pixel side by side.
 * @typedef {{ data: Uint8Array | Uint8ClampedArray, height: number, width: number, channels: number }} Image8
 */

const LANCZOS_SUPPORT = 3;
/** Bits behind the point of a weight. */
const PRECISION = 22;
const ROUNDING = 2 ** (PRECISION - 1);
/** An image is first reduced by whole factors, down to this many times what it will be. */
const REDUCING_GAP = 3;

/** @param {number} x */
const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

/** @param {number} x */
const lanczos = (x) =>
  x >= -LANCZOS_SUPPORT && x < LANCZOS_SUPPORT ? sinc(x) * sinc(x / LANCZOS_SUPPORT) : 0;

/** At another size. @param {Image8} image @param {number} height @param {number} width */
function resampled(image, height, width) {
  if (image.height === height && image.width === width) return image;
  const across = Math.floor(image.width / width / REDUCING_GAP) || 1;
  const down = Math.floor(image.height / height / REDUCING_GAP) || 1;
  const small = across > 1 || down > 1 ? reduced(image, down, across) : image;
  const columns = filterWeights(small.width, image.width / across, width);
  const rows = filterWeights(small.height, image.height / down, height);
  /** @type {((one: Image8) => Image8)[]} */
  const passes = [];
  if (image.width / across !== width) passes.push((one) => alongRows(one, columns));
  if (image.height / down !== height) passes.push((one) => alongColumns(one, rows));
  if (isColumnsFirst(small, height, width)) passes.reverse();
  return passes.reduce((one, pass) => pass(one), small);
}

/**
 * Whether columns are resampled before rows. Both orders mean the same, but the numbers between them are rounded.
 * Newer versions of Pillow go by how many rows and columns there will be less, where there will be less rows at
 * all; older ones always take rows first.
 * @param {Image8} image @param {number} height @param {number} width
 */
const isColumnsFirst = (image, height, width) =>
  app.input.columnsMayBeFirst && image.height > height && image.height - height > 2 * (image.width - width);

/**
 * Means of blocks of pixels; those at the right and lower border may be smaller.
 * @param {Image8} image @param {number} down rows of a block @param {number} across columns of a block
 * @returns {Image8}
 */
function reduced({ data, height, width, channels }, down, across) {
  const [rows, columns] = [Math.ceil(height / down), Math.ceil(width / across)];
  const made = new Uint8Array(rows * columns * channels);
  for (let row = 0; row < rows; row += 1) {
    const [top, bottom] = [row * down, Math.min(height, (row + 1) * down)];
    for (let column = 0; column < columns; column += 1) {
      const [left, right] = [column * across, Math.min(width, (column + 1) * across)];
      const count = (bottom - top) * (right - left);
      const factor = Math.floor(Math.fround(2 ** 24 / count));
      for (let channel = 0; channel < channels; channel += 1) {
        let sum = Math.floor(count / 2);
        for (let y = top; y < bottom; y += 1) {
          for (let x = left; x < right; x += 1) sum += data[(y * width + x) * channels + channel];
        }
        made[(row * columns + column) * channels + channel] = Math.floor((sum * factor) / 2 ** 24);
      }
    }
  }
  return { data: made, height: rows, width: columns, channels };
}

/**
 * Of every new place the first old one that it sees, and the weights from there on, in fixed point.
 * @param {number} size old
 * @param {number} extent of it that is used, which may end within the last place; Pillow has it in single precision
 * @param {number} newSize
 */
function filterWeights(size, extent, newSize) {
  const scale = Math.fround(extent) / newSize;
  const stretch = Math.max(scale, 1);
  const support = LANCZOS_SUPPORT * stretch;
  return Array.from({ length: newSize }, (_, at) => {
    const centre = (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(size, Math.trunc(centre + support + 0.5));
    const exact = Array.from({ length: last - first }, (__, k) =>
      lanczos((k + first - centre + 0.5) * (1 / stretch)),
    );
    const sum = exact.reduce((total, weight) => total + weight, 0);
    return { first, weights: Float64Array.from(exact, (weight) => fixed(sum === 0 ? weight : weight / sum)) };
  });
}

/** @param {number} weight */
const fixed = (weight) => Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * 2 ** PRECISION);

/** @param {number} sum in fixed point */
const clipped = (sum) => Math.min(255, Math.max(0, Math.floor(sum / 2 ** PRECISION)));

/** @typedef {ReturnType<typeof filterWeights>} Weights */

/** Every row at another length. @param {Image8} image @param {Weights} columns @returns {Image8} */
function alongRows({ data, height, width, channels }, columns) {
  const made = new Uint8Array(height * columns.length * channels);
  for (let row = 0; row < height; row += 1) {
    columns.forEach(({ first, weights }, column) => {
      for (let channel = 0; channel < channels; channel += 1) {
        let sum = ROUNDING;
        let at = (row * width + first) * channels + channel;
        for (let k = 0; k < weights.length; k += 1) {
          sum += data[at] * weights[k];
          at += channels;
        }
        made[(row * columns.length + column) * channels + channel] = clipped(sum);
      }
    });
  }
  return { data: made, height, width: columns.length, channels };
}

/** Every column at another length. @param {Image8} image @param {Weights} rows @returns {Image8} */
function alongColumns({ data, width, channels }, rows) {
  const length = width * channels;
  const made = new Uint8Array(rows.length * length);
  rows.forEach(({ first, weights }, row) => {
    for (let place = 0; place < length; place += 1) {
      let sum = ROUNDING;
      for (let k = 0; k < weights.length; k += 1) sum += data[(first + k) * length + place] * weights[k];
      made[row * length + place] = clipped(sum);
    }
  });
  return { data: made, height: rows.length, width, channels };
}

// Large photographs in JPEG, as Pillow decodes them: at a half, a quarter or an eighth of their size.
//
// The decoder makes of each block of 8 x 8 pixels 4 x 4, 2 x 2 or 1, each the mean of those that it replaces. A
// browser decodes at full size, so that these means are taken afterwards. Blocks begin at the corner that was the
// upper left one in the file, before EXIF turned it.

/** JPEGs of at least so many pixels are decoded smaller, down to so many times what they will be fitted to. */
const DRAFT_FROM = 1_000_000;
const DRAFT_MARGIN = 2;

const ORIENTATION = 0x0112;
const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0];
/** Orientations in which the end of the file's rows, or its last rows, come to lie on the left, or at the top. */
const ENDS_LEFT = [2, 3, 6, 7];
const ENDS_TOP = [3, 4, 7, 8];

/**
 * @param {Image8} image upright, of red, green and blue @param {DataView} start of its file
 * @param {[rows: number, columns: number]} inner what it will be fitted to @returns {Image8}
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
 * Means of squares of pixels; beyond its border an image is as encoders fill up its last blocks, with its last
 * pixels.
 * @param {Image8} image @param {number} side of the squares @param {number} orientation @returns {Image8}
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
 * @param {Float64Array} sums of red, green and blue @param {number} count of pixels
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

/** Orientation of a JPEG by its EXIF, 1 to 8; 1 where it says none. @param {DataView} start of the file */
function orientationOf(start) {
  let at = 2;
  while (at + 10 < start.byteLength && start.getUint8(at) === 0xff) {
    const length = start.getUint16(at + 2);
    const isExif = EXIF.every((byte, index) => start.getUint8(at + 4 + index) === byte);
    if (start.getUint8(at + 1) === 0xe1 && isExif) return orientationIn(start, at + 10);
    at += 2 + length;
  }
  return 1;
}

/** @param {DataView} start @param {number} tiff where the directories of EXIF begin */
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
 * @param {{ height: number, width: number }} own @returns {[rows: number, columns: number]}
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

/** Rounded, and a half to the even neighbour. @param {number} number */
function roundedToEven(number) {
  const below = Math.floor(number);
  if (number - below === 0.5) return below % 2 === 0 ? below : below + 1;
  return Math.round(number);
}

// From an image of any size to what the network takes: the rules of Pellucid's own preprocessing.

/**
 * Fit an image inside the network's size with its aspect kept, centred, on the median colour of its border.
 * @param {Image8} image of red, green and blue
 * @param {[rows: number, columns: number]} inner its size once it is fitted @returns {Image8}
 */
export function fitted(image, [rows, columns]) {
  const { height, width, channels } = app.input;
  const own = channels === 1 ? grey(image) : image;
  const inner = resampled(own, rows, columns);
  if (rows === height && columns === width) return inner;
  const data = new Uint8Array(height * width * channels);
  const colour = borderColour(own);
  for (let at = 0; at < data.length; at += 1) data[at] = colour[at % channels];
  const [top, left] = [Math.floor((height - rows) / 2), Math.floor((width - columns) / 2)];
  for (let row = 0; row < rows; row += 1) {
    const start = row * columns * channels;
    data.set(inner.data.subarray(start, start + columns * channels), ((top + row) * width + left) * channels);
  }
  return { data, height, width, channels };
}

/**
 * Brightness by the weights of ITU-R 601, in 16 bits behind the point, rounded.
 * @param {Image8} image @returns {Image8}
 */
function grey({ data, height, width }) {
  const made = new Uint8Array(height * width);
  for (let at = 0; at < made.length; at += 1) {
    made[at] = (data[3 * at] * 19595 + data[3 * at + 1] * 38470 + data[3 * at + 2] * 7471 + 0x8000) >> 16;
  }
  return { data: made, height, width, channels: 1 };
}

/**
 * Median of each channel over the outermost pixels; those in the corners count twice.
 * @param {Image8} image
 */
export function borderColour({ data, height, width, channels }) {
  return Array.from({ length: channels }, (_, channel) => {
    /** @param {number} row @param {number} column */
    const at = (row, column) => data[(row * width + column) * channels + channel];
    const border = [];
    for (let column = 0; column < width; column += 1) border.push(at(0, column), at(height - 1, column));
    for (let row = 0; row < height; row += 1) border.push(at(row, 0), at(row, width - 1));
    border.sort((one, other) => one - other);
    const middle = border.length / 2;
    return Math.floor((border[Math.ceil(middle) - 1] + border[Math.floor(middle)]) / 2);
  });
}

// From a file to pixels, by the browser's own decoders: upright by EXIF, over white, colours as they are stored.

/** @param {Blob | HTMLVideoElement} source a file, or what shows a picture now @returns {Promise<Image8>} red, green and blue */
export async function decoded(source) {
  const bitmap = await createImageBitmap(source, {
    imageOrientation: "from-image",
    colorSpaceConversion: "none",
    premultiplyAlpha: "default",
  });
  const { height, width } = bitmap;
  const canvas = element("canvas", { width, height });
  const context = contextOf(canvas);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(3 * height * width);
  for (let at = 0; at < height * width; at += 1) {
    pixels[3 * at] = data[4 * at];
    pixels[3 * at + 1] = data[4 * at + 1];
    pixels[3 * at + 2] = data[4 * at + 2];
  }
  return { data: pixels, height, width, channels: 3 };
}
