// Values of layers. Layers that only pass numbers on are not stored: what they hold is made from their sources.
const valueCache = new Map();

function value(name) {
  if (!valueCache.has(name)) valueCache.set(name, madeValue(name));
  return valueCache.get(name);
}

function madeValue(name) {
  const found = stored(name);
  if (found) return found;
  const layer = byName.get(name);
  if (!layer || layer.hidden) return null;
  const sources = layer.takes.map(value);
  if (sources.some((source) => !source || source.kept)) return null;
  return copied(layer, sources);
}

// The numbers of other layers, in the order of this one.
function copied({ kind, shape }, sources) {
  const isDouble = sources.some((source) => source.data instanceof Float64Array);
  const data = new (isDouble ? Float64Array : Float32Array)(product(shape));
  if (kind === "flatten") data.set(sources[0].data);
  if (kind === "turn") {
    const [length, channels] = shape;
    for (let t = 0; t < length; t += 1) data.set(sources[0].row(length - 1 - t), t * channels);
  }
  if (kind === "side-by-side") {
    const width = shape[shape.length - 1];
    const places = data.length / width;
    let start = 0;
    for (const source of sources) {
      const own = source.shape[source.shape.length - 1];
      for (let t = 0; t < places; t += 1) data.set(source.data.subarray(t * own, (t + 1) * own), t * width + start);
      start += own;
    }
  }
  return arrayOf(shape, data);
}

// One number of a value; undefined where the page does not hold it.
function numberAt(name, unit) {
  const found = value(name);
  if (!found) return undefined;
  const row = found.row(unit[0]);
  if (!row) return undefined;
  let at = 0;
  for (let axis = 1; axis < unit.length; axis += 1) at = at * found.shape[axis] + unit[axis];
  return row[at];
}

function gradientAt(name, unit) {
  const found = stored(`gradient:${name}`);
  const row = found && found.row(unit[0]);
  if (!row) return undefined;
  let at = 0;
  for (let axis = 1; axis < unit.length; axis += 1) at = at * found.shape[axis] + unit[axis];
  return row[at];
}

// What a unit sees of the input: a box of rows and columns, a range of places, or null for all of it.
function fieldOf(name, unit) {
  if (name === "inputs") return unit.length === 3 ? [[unit[1], unit[1]], [unit[2], unit[2]]] : [[unit[0], unit[0]]];
  const layer = byName.get(name);
  if (layer.kind === "flatten") {
    const source = layer.takes[0];
    const shape = source === "inputs" ? told.inputs : byName.get(source).shape;
    return fieldOf(source, unravel(unit[0], shape));
  }
  if (layer.kind === "side-by-side" && unit.length === 2) {
    let channel = unit[1];
    for (const source of layer.takes) {
      const own = byName.get(source).shape[1];
      if (channel < own) return fieldOf(source, [unit[0], channel]);
      channel -= own;
    }
  }
  if (bends[layer.kind]) return fieldOf(layer.takes[0], unit);
  if (!layer.field) return null;
  const places = unit.length === 3 ? unit.slice(1) : [unit[0]];
  return layer.field.map((axis, at) => axis[places[at]]);
}

function unravel(at, shape) {
  const unit = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    unit[axis] = at % shape[axis];
    at = Math.floor(at / shape[axis]);
  }
  return unit;
}
