// The image as the model sees it: drawn on, erased, shifted, by pointer and by keys.
import { byId, canvasById, contextOf } from "../../../../reports/explain/script/dom.js";
import { app } from "../app.js";
import { borderColour } from "./pixels.js";
/** @import { Image8 } from "./pixels.js" */

/** @typedef {"draw" | "erase" | "shift"} Tool */

/**
 * @type {{ image: Image8, ground: number[], tool: Tool, last: [number, number] | null, changed: (image: Image8) =>
 *   void }} ground: the colour that erasing leaves
 */
const easel = { image: blankImage(), ground: [0, 0, 0], tool: "draw", last: null, changed() {} };

/** @returns {Image8} */
export function blankImage() {
  const { height, width, channels } = app.input;
  return { data: new Uint8Array(height * width * channels), height, width, channels };
}

/** Show an image that was given: erasing brings back the colour of its border. @param {Image8} image */
export function putOnEasel(image) {
  easel.ground = borderColour(image);
  showOnEasel(image);
}

/** @param {Image8} image */
function showOnEasel(image) {
  easel.image = { ...image, data: Uint8Array.from(image.data) };
  paintImage(canvasById("easel"), image);
}

/** Draw an image pixel by pixel. @param {HTMLCanvasElement} canvas @param {Image8} image */
export function paintImage(canvas, { data, height, width, channels }) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = contextOf(canvas);
  const shown = context.createImageData(width, height);
  for (let at = 0; at < height * width; at += 1) {
    for (let part = 0; part < 3; part += 1) {
      shown.data[4 * at + part] = data[at * channels + (part % channels)];
    }
    shown.data[4 * at + 3] = 255;
  }
  context.putImageData(shown, 0, 0);
}

/** Let pointer, buttons and keys change the image. @param {(image: Image8) => void} changed */
export function startDrawing(changed) {
  easel.changed = changed;
  const canvas = canvasById("easel");
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    easel.last = null;
    follow(event);
  };
  canvas.onpointermove = (event) => {
    if (event.buttons) follow(event);
  };
  canvas.onkeydown = (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    shiftBy(step[0], step[1]);
  };
  for (const tool of /** @type {Tool[]} */ (["draw", "erase", "shift"])) {
    byId(`tool-${tool}`).onclick = () => chooseTool(tool);
  }
  byId("clear").onclick = () => {
    easel.ground = borderColour(blankImage());
    change(blankImage());
  };
}

/** @param {Tool} tool */
function chooseTool(tool) {
  easel.tool = tool;
  for (const each of ["draw", "erase", "shift"]) {
    byId(`tool-${each}`).setAttribute("aria-pressed", each === tool ? "true" : "false");
  }
}

/** @param {Image8} image */
function change(image) {
  showOnEasel(image);
  easel.changed(easel.image);
}

/** @param {PointerEvent} event */
function follow(event) {
  const { height, width } = easel.image;
  const box = canvasById("easel").getBoundingClientRect();
  const row = ((event.clientY - box.top) / box.height) * height;
  const column = ((event.clientX - box.left) / box.width) * width;
  const [oldRow, oldColumn] = easel.last || [row, column];
  if (easel.tool !== "shift") {
    easel.last = [row, column];
    stroke([oldRow, oldColumn], [row, column]);
    return;
  }
  const [down, across] = [Math.round(row - oldRow), Math.round(column - oldColumn)];
  if (!easel.last || down || across) easel.last = [oldRow + down, oldColumn + across];
  if (down || across) shiftBy(down, across);
}

/**
 * Paint along the way from one place to another.
 * @param {[number, number]} from @param {[number, number]} to
 */
function stroke(from, to) {
  const image = { ...easel.image, data: Uint8Array.from(easel.image.data) };
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const steps = Math.ceil(2 * length) + 1;
  for (let step = 1; step <= steps; step += 1) {
    const share = step / steps;
    dab(image, from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share);
  }
  change(image);
}

/**
 * A round spot of paint: full in its middle, less towards its edge.
 * @param {Image8} image @param {number} row @param {number} column
 */
function dab({ data, height, width, channels }, row, column) {
  const radius = Math.max(1, Math.max(height, width) / 24);
  const paint = easel.tool === "erase" ? easel.ground : colourChosen();
  for (let r = Math.max(0, Math.floor(row - radius - 1)); r < Math.min(height, row + radius + 1); r += 1) {
    for (
      let c = Math.max(0, Math.floor(column - radius - 1));
      c < Math.min(width, column + radius + 1);
      c += 1
    ) {
      const cover = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(r + 0.5 - row, c + 0.5 - column)));
      for (let part = 0; part < channels; part += 1) {
        const at = (r * width + c) * channels + part;
        const wanted = Math.round(data[at] + (paint[part] - data[at]) * cover);
        data[at] = wanted;
      }
    }
  }
}

/** Red, green and blue of the field for the colour; of a grey image its brightness alone. */
function colourChosen() {
  const field = /** @type {HTMLInputElement} */ (byId("colour"));
  if (field.type !== "color") return [Number(field.value)];
  return [1, 3, 5].map((start) => parseInt(field.value.slice(start, start + 2), 16));
}

/**
 * Move the image by whole pixels; what comes in at the border repeats the outermost pixels.
 * @param {number} down @param {number} across
 */
function shiftBy(down, across) {
  const { data, height, width, channels } = easel.image;
  const moved = blankImage();
  for (let row = 0; row < height; row += 1) {
    const fromRow = Math.min(height - 1, Math.max(0, row - down));
    for (let column = 0; column < width; column += 1) {
      const from = (fromRow * width + Math.min(width - 1, Math.max(0, column - across))) * channels;
      for (let part = 0; part < channels; part += 1) {
        moved.data[(row * width + column) * channels + part] = data[from + part];
      }
    }
  }
  change(moved);
}
