// What the pinned unit sees, marked on the input and said in words.
import { fieldOf } from "../arithmetic/fields.js";
import { told } from "../data/told.js";
import { byId } from "../dom/element.js";
/** @import { Pair, Pinned } from "../types.js" */

/** @param {Pinned} pinned */
export function drawField({ layer, unit }) {
  if (told.unseeing.includes(layer.name)) {
    hideBox();
    return;
  }
  const field = fieldOf(layer.name, unit);
  const box = document.getElementById("field");
  if (box) drawBox(box, field);
  else if (document.getElementById("field-words")) markTokens(field);
}

/** What is made of noise sees nothing of the image that is given. */
function hideBox() {
  const box = document.getElementById("field");
  if (box) box.style.display = "none";
  byId("field-words").textContent = "This unit sees nothing of the given image.";
}

/**
 * @param {HTMLElement} box
 * @param {Pair[] | null} field
 */
function drawBox(box, field) {
  const [height, width] = told.inputs.slice(1);
  const [rows, columns] = field || [
    [0, height - 1],
    [0, width - 1],
  ];
  const [[top, bottom], [left, right]] = [rows, columns];
  Object.assign(box.style, {
    display: "",
    top: `${(100 * top) / height}%`,
    left: `${(100 * left) / width}%`,
    height: `${(100 * (bottom - top + 1)) / height}%`,
    width: `${(100 * (right - left + 1)) / width}%`,
  });
  byId("field-words").textContent = `This unit sees rows ${top} to ${bottom}, columns ${left} to ${right}.`;
}

/** @param {Pair[] | null} field */
function markTokens(field) {
  const [low, high] = field ? field[0] : [0, told.tokens.length - 1];
  document
    .querySelectorAll("#tokens span")
    .forEach((span, at) => span.classList.toggle("seen", at >= low && at <= high));
  byId("field-words").textContent = field
    ? `This unit sees tokens ${low} to ${high}.`
    : "This unit sees the whole text.";
}
