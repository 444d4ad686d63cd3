// The numbers of the page: one run of single-precision floats, cut into named arrays.
const told = JSON.parse(document.getElementById("told").textContent);
const floats = (() => {
  const text = atob(document.getElementById("numbers").textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return new Float32Array(bytes.buffer);
})();
const layers = told.layers;
const byName = new Map(layers.map((layer) => [layer.name, layer]));
const product = (shape) => shape.reduce((total, size) => total * size, 1);

// An array: `row(i)` gives its i-th row, or null where only some rows, those of `kept`, are there.
function arrayOf(shape, data, kept = null) {
  const size = product(shape.slice(1));
  const where = kept ? new Map(kept.map((row, index) => [row, index])) : null;
  const row = (index) => {
    const found = where ? where.get(index) : index;
    return found === undefined ? null : data.subarray(found * size, (found + 1) * size);
  };
  return { shape, data, kept, row };
}

// An array as it is stored in the page, or null.
function stored(name) {
  const place = told.places[name];
  if (!place) return null;
  const { at, shape, kept } = place;
  const rows = kept ? kept.length : shape.length ? shape[0] : 1;
  return arrayOf(shape, floats.subarray(at, at + rows * product(shape.slice(1))), kept || null);
}

// Three to seven digits, as people read them.
function shown(number, digits = 5) {
  if (number === 0) return "0";
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  const text = size < 1e-4 || size >= 1e7 ? number.toExponential(digits - 1) : String(Number(number.toPrecision(digits)));
  return text.replace("-", "\u2212");
}
const indexText = (unit) => `(${unit.join(", ")})`;

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "onclick" || name === "onkeydown" || name === "oninput") made[name] = value;
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  for (const child of children.flat()) made.append(child instanceof Node ? child : String(child));
  return made;
}
