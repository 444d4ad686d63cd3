// Numbers as colours, laid out and drawn into canvases.
import { product, unravel } from "./arrays.js";
import { contextOf, element, shown } from "./dom.js";
/** @import { Colour, Floats, Layout, Numbers, Pair, Scale, Shape, Unit } from "./types.js" */

// Colours of numbers: magnitudes from dark to bright, signed numbers from blue over white to orange.

/** @type {Colour[]} */
const BRIGHT = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
];
/** @type {Colour[]} */
const SIGNED = [
  [8, 64, 129],
  [43, 121, 185],
  [122, 178, 218],
  [206, 226, 240],
  [255, 255, 255],
  [253, 219, 190],
  [247, 162, 92],
  [214, 98, 20],
  [140, 55, 4],
];

/**
 * The colour at a share of the way along some stops.
 * @param {Colour[]} stops @param {number} share @returns {Colour}
 */
function mixed(stops, share) {
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  /** @param {0 | 1 | 2} part */
  const between = (part) =>
    Math.round(stops[low][part] + (stops[low + 1][part] - stops[low][part]) * (place - low));
  return [between(0), between(1), between(2)];
}

/** @param {Colour} colour */
const inCss = (colour) => `rgb(${colour.join(" ")})`;

/**
 * Black or white, whichever has more contrast with a colour: by relative luminance, as WCAG 2 defines it.
 * @param {Colour} colour
 */
function inkOn(colour) {
  const [red, green, blue] = colour.map((part) =>
    part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/**
 * Put a colour behind the text of an element, which stays legible.
 * @template {HTMLElement} E @param {E} made @param {Colour} colour
 */
export function onColour(made, colour) {
  made.style.background = inCss(colour);
  made.style.color = inkOn(colour);
  return made;
}

// Scales from numbers to colours, and the legend of one.

/**
 * A scale for some numbers: signed ones are centred on zero.
 * @param {ArrayLike<number>} numbers @returns {Scale}
 */
export function scaleOf(numbers) {
  let low = Infinity;
  let high = -Infinity;
  for (let at = 0; at < numbers.length; at += 1) {
    if (numbers[at] < low) low = numbers[at];
    if (numbers[at] > high) high = numbers[at];
  }
  if (!(low <= high)) [low, high] = [0, 0];
  if (low < 0) return centredScale(Math.max(-low, high));
  const span = high - low || 1;
  return { low, high, colour: (number) => mixed(BRIGHT, (number - low) / span), signed: false };
}

/** A scale for signed numbers. @param {number} size of the largest of them @returns {Scale} */
export function centredScale(size) {
  const most = size || 1;
  return { low: -most, high: most, colour: centred(most), signed: true };
}

/**
 * Colours of signed numbers.
 * @param {number} most the size that has the strongest colour @returns {Scale["colour"]}
 */
export const centred = (most) => (number) => mixed(SIGNED, 0.5 + number / (2 * most));

/** @param {Scale} scale */
export function legend(scale) {
  const stops = scale.signed ? SIGNED : BRIGHT;
  const bar = element("span", { class: "ramp", "aria-hidden": "true" });
  bar.style.background = `linear-gradient(to right, ${stops.map(inCss).join(", ")})`;
  return element("p", { class: "legend" }, shown(scale.low, 3), bar, shown(scale.high, 3));
}

// How the numbers of a layer are laid out: tiles of maps, rows of a text, or a block of cells.

/** Pixels between maps. */
const GAP = 4;

/**
 * @param {Shape} shape @param {number} width pixels there are, which a text's rows may exceed
 * @param {number} [side] pixels of the longer side of a map, where its numbers leave the choice
 * @returns {Layout}
 */
export function layout(shape, width, side = shape[0] > 1 ? 84 : 260) {
  if (shape.length === 3) return layoutOfMaps(shape, width, side);
  return shape.length === 2 ? layoutOfText(shape) : layoutOfBlock(shape[0], width);
}

/** @param {Shape} shape @param {number} width @param {number} side @returns {Layout} */
function layoutOfMaps([channels, rows, columns], width, side) {
  const cell = Math.max(1, Math.min(12, Math.floor(side / Math.max(rows, columns))));
  const [tileWidth, tileHeight] = [columns * cell + GAP, rows * cell + GAP];
  const across = Math.max(1, Math.min(channels, Math.floor((width + GAP) / tileWidth)));
  return {
    cell: [cell, cell],
    width: across * tileWidth,
    height: Math.ceil(channels / across) * tileHeight,
    spot: ([channel, row, column]) => [
      (channel % across) * tileWidth + column * cell,
      Math.floor(channel / across) * tileHeight + row * cell,
    ],
    unit(x, y) {
      const tile = Math.floor(x / tileWidth);
      const channel = Math.floor(y / tileHeight) * across + tile;
      const [row, column] = [Math.floor((y % tileHeight) / cell), Math.floor((x % tileWidth) / cell)];
      const isInside = tile < across && channel < channels && row < rows && column < columns;
      return isInside ? [channel, row, column] : null;
    },
  };
}

/** @param {Shape} shape @returns {Layout} */
function layoutOfText([places, channels]) {
  /** @type {Pair} */
  const cell = [channels > 160 ? 3 : 5, places > 60 ? 6 : 14];
  const [wide, high] = [cell[0], cell[1] + 1];
  return {
    cell,
    width: channels * wide,
    height: places * high,
    spot: ([place, channel]) => [channel * wide, place * high],
    unit(x, y) {
      const [channel, place] = [Math.floor(x / wide), Math.floor(y / high)];
      return channel < channels && place < places ? [place, channel] : null;
    },
  };
}

/** @param {number} count @param {number} width @returns {Layout} */
function layoutOfBlock(count, width) {
  const step = 15;
  const across = Math.max(1, Math.min(count, Math.floor(width / step)));
  return {
    cell: [step - 1, step - 1],
    width: across * step,
    height: Math.ceil(count / across) * step,
    spot: ([number]) => [(number % across) * step, Math.floor(number / across) * step],
    unit(x, y) {
      const [column, row] = [Math.floor(x / step), Math.floor(y / step)];
      const number = row * across + column;
      return column < across && number < count ? [number] : null;
    },
  };
}

// Numbers drawn into canvases: the maps of a layer, and one number for each pixel.

/** Steps of the way through the colours of a scale that differ. */
const STEPS = 2048;

/**
 * Colours from one end of a scale to the other, each as the four bytes of a pixel.
 * @param {Colour[]} stops
 */
const ramp = (stops) => Uint32Array.from({ length: STEPS + 1 }, (_, at) => pixelOf(mixed(stops, at / STEPS)));

/** @param {Colour} colour */
const pixelOf = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

const RAMPS = { signed: ramp(SIGNED), bright: ramp(BRIGHT) };
const GREY = pixelOf([128, 128, 128]);

/** From numbers to pixels, for many of them. @param {Scale} scale */
function pixelsOf({ low, high, signed }) {
  const colours = signed ? RAMPS.signed : RAMPS.bright;
  const steps = STEPS / (high - low || 1);
  /** @param {number} number */
  return (number) => colours[Math.min(STEPS, Math.max(0, Math.round((number - low) * steps)))];
}

/**
 * Draw an array and give back its scale; rows that the page lacks stay grey.
 * @param {HTMLCanvasElement} canvas @param {Numbers} found @param {Layout} plan
 */
export function paint(canvas, found, plan) {
  Object.assign(canvas, { width: plan.width, height: plan.height });
  const context = contextOf(canvas);
  const scale = scaleOf(found.data);
  const image = context.createImageData(plan.width, plan.height);
  const pixels = new Uint32Array(image.data.buffer);
  const pixel = pixelsOf(scale);
  const size = product(found.shape.slice(1));
  for (let first = 0; first < found.shape[0]; first += 1) {
    const row = found.row(first);
    for (let rest = 0; rest < size; rest += 1) {
      const spot = plan.spot(unravel(first * size + rest, found.shape));
      fillCell(pixels, plan, spot, row ? pixel(row[rest]) : GREY);
    }
  }
  context.putImageData(image, 0, 0);
  return scale;
}

/** @param {Uint32Array} pixels @param {Layout} plan @param {Pair} spot @param {number} pixel */
function fillCell(pixels, { width, cell: [wide, high] }, [x, y], pixel) {
  for (let row = y; row < y + high; row += 1) pixels.fill(pixel, row * width + x, row * width + x + wide);
}

/**
 * Mark one number that is drawn: black around its cell, and white around that.
 * @param {HTMLCanvasElement} canvas @param {Layout} plan @param {Unit} unit
 */
export function outline(canvas, plan, unit) {
  const context = contextOf(canvas);
  const [x, y] = plan.spot(unit);
  context.lineWidth = 2;
  context.strokeStyle = "#000";
  context.strokeRect(x - 1, y - 1, plan.cell[0] + 2, plan.cell[1] + 2);
  context.lineWidth = 1;
  context.strokeStyle = "#fff";
  context.strokeRect(x - 2.5, y - 2.5, plan.cell[0] + 5, plan.cell[1] + 5);
}

/**
 * Draw one pixel for each number.
 * @param {HTMLCanvasElement} canvas @param {Shape} shape height and width
 * @param {ArrayLike<number>} data as many numbers, or fewer @param {Scale} scale
 */
export function paintPixels(canvas, [height, width], data, scale) {
  Object.assign(canvas, { height, width });
  const context = contextOf(canvas);
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const pixel = pixelsOf(scale);
  for (let at = 0; at < data.length && at < height * width; at += 1) pixels[at] = pixel(data[at]);
  context.putImageData(image, 0, 0);
}

// A small image of a layer's value: its loudest map, its rows, or its numbers in a square.

/** @param {HTMLCanvasElement} canvas @param {Numbers | null} found */
export function thumbnail(canvas, found) {
  if (!found) return;
  const { shape } = found;
  const data = shape.length === 3 ? loudestMap(found.data, shape[1] * shape[2]) : found.data;
  const side = Math.ceil(Math.sqrt(shape[0]));
  const plain = shape.length === 1 ? [Math.ceil(shape[0] / side), side] : shape.slice(-2);
  paintPixels(canvas, plain, data, scaleOf(data));
}

/** The map whose numbers are largest in all. @param {Floats} data @param {number} size */
function loudestMap(data, size) {
  let best = 0;
  let loudest = -1;
  for (let channel = 0; channel * size < data.length; channel += 1) {
    let total = 0;
    for (let at = channel * size; at < (channel + 1) * size; at += 1) total += Math.abs(data[at]);
    if (total > loudest) [loudest, best] = [total, channel];
  }
  return data.subarray(best * size, (best + 1) * size);
}

/** Maps that a picture of a stage shows at most. */
const MOST_MAPS = 4;

/**
 * A picture of a stage of the overview: the loudest maps beside and below each other, or its rows or numbers.
 * @param {HTMLCanvasElement} canvas @param {Numbers | null} found
 */
export function overviewPicture(canvas, found) {
  if (!found) return;
  const { shape } = found;
  canvas.classList.toggle("rows", shape.length === 2);
  if (shape.length !== 3 || shape[0] < MOST_MAPS || found.kept) {
    thumbnail(canvas, found);
    return;
  }
  const [count, rows, columns] = shape;
  const sums = Array.from({ length: count }, (_, map) =>
    Array.from(found.row(map) ?? []).reduce((sum, number) => sum + Math.abs(number), 0),
  );
  const loudest = sums
    .map((_, map) => map)
    .sort((one, other) => sums[other] - sums[one])
    .slice(0, MOST_MAPS);
  const [wide, high] = [2 * columns + 1, 2 * rows + 1];
  Object.assign(canvas, { width: wide, height: high });
  const context = contextOf(canvas);
  loudest.forEach((map, at) => {
    const tile = element("canvas");
    const data = found.row(map) ?? new Float32Array(0);
    paintPixels(tile, [rows, columns], data, scaleOf(data));
    context.drawImage(tile, (at % 2) * (columns + 1), Math.floor(at / 2) * (rows + 1));
  });
}
