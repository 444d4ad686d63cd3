// How the numbers of a layer are laid out: tiles of maps, rows of a text, or a block of cells.
/** @import { Layout, Pair, Shape } from "../types.js" */

/** Pixels between maps. */
const GAP = 4;

/**
 * @param {Shape} shape
 * @param {number} width pixels there are, which a text's rows may exceed
 * @param {number} [side] pixels of the longer side of a map, where its numbers leave the choice
 * @returns {Layout}
 */
export function layout(shape, width, side = shape[0] > 1 ? 84 : 260) {
  if (shape.length === 3) return layoutOfMaps(shape, width, side);
  return shape.length === 2 ? layoutOfText(shape) : layoutOfBlock(shape[0], width);
}

/**
 * @param {Shape} shape
 * @param {number} width
 * @param {number} side
 * @returns {Layout}
 */
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

/**
 * @param {Shape} shape
 * @returns {Layout}
 */
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

/**
 * @param {number} count
 * @param {number} width
 * @returns {Layout}
 */
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
