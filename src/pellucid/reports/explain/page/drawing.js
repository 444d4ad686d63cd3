// Numbers as colours: magnitudes from dark to bright, signed numbers from blue over white to orange.
const BRIGHT = [[68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 145, 140], [40, 174, 128], [94, 201, 98], [173, 220, 48], [253, 231, 37]];
const SIGNED = [[8, 64, 129], [43, 121, 185], [122, 178, 218], [206, 226, 240], [255, 255, 255], [253, 219, 190], [247, 162, 92], [214, 98, 20], [140, 55, 4]];

function mixed(stops, share) {
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  return stops[low].map((part, at) => Math.round(part + (stops[low + 1][at] - part) * (place - low)));
}

// Black or white, whichever stands out more on a colour: by relative luminance, as WCAG 2 defines it.
function inkOn(colour) {
  const [red, green, blue] = colour.map((part) => (part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

// A scale for some numbers: signed ones are centred on zero.
function scaleOf(numbers) {
  let low = Infinity;
  let high = -Infinity;
  for (const number of numbers) {
    if (number < low) low = number;
    if (number > high) high = number;
  }
  if (!(low <= high)) [low, high] = [0, 0];
  if (low < 0) {
    const most = Math.max(-low, high) || 1;
    return { low: -most, high: most, colour: (number) => mixed(SIGNED, 0.5 + number / (2 * most)), signed: true };
  }
  const span = high - low || 1;
  return { low, high, colour: (number) => mixed(BRIGHT, (number - low) / span), signed: false };
}

// How the numbers of a value are laid out: tiles of maps, rows of a text, or a block of cells.
function layout(shape, width) {
  if (shape.length === 3) {
    const [channels, rows, columns] = shape;
    const cell = Math.max(1, Math.min(12, Math.floor((channels > 1 ? 84 : 260) / Math.max(rows, columns))));
    const across = Math.max(1, Math.min(channels, Math.floor((width + 4) / (columns * cell + 4))));
    const spot = ([channel, row, column]) => [
      (channel % across) * (columns * cell + 4) + column * cell,
      Math.floor(channel / across) * (rows * cell + 4) + row * cell,
    ];
    const unit = (x, y) => {
      const [tileX, tileY] = [Math.floor(x / (columns * cell + 4)), Math.floor(y / (rows * cell + 4))];
      const found = [tileY * across + tileX, Math.floor((y % (rows * cell + 4)) / cell), Math.floor((x % (columns * cell + 4)) / cell)];
      return tileX < across && found[0] < channels && found[1] < rows && found[2] < columns ? found : null;
    };
    const down = Math.ceil(channels / across);
    return { cell: [cell, cell], width: across * (columns * cell + 4), height: down * (rows * cell + 4), spot, unit };
  }
  const [places, channels] = shape.length === 2 ? shape : [1, shape[0]];
  const cell = shape.length === 2 ? [channels > 160 ? 3 : 5, places > 60 ? 6 : 14] : [14, 14];
  const across = shape.length === 2 ? channels : Math.max(1, Math.min(channels, Math.floor(width / 15)));
  const step = [cell[0] + (shape.length === 2 ? 0 : 1), cell[1] + 1];
  const spot = shape.length === 2
    ? ([place, channel]) => [channel * step[0], place * step[1]]
    : ([number]) => [(number % across) * step[0], Math.floor(number / across) * step[1]];
  const unit = (x, y) => {
    const [column, row] = [Math.floor(x / step[0]), Math.floor(y / step[1])];
    if (column >= across) return null;
    if (shape.length === 2) return row < places ? [row, column] : null;
    return row * across + column < channels ? [row * across + column] : null;
  };
  const down = shape.length === 2 ? places : Math.ceil(channels / across);
  return { cell, width: across * step[0], height: down * step[1], spot, unit };
}

function everyUnit(shape, visit) {
  const total = product(shape);
  const size = product(shape.slice(1));
  for (let at = 0; at < total; at += 1) visit(unravel(at, shape), Math.floor(at / size), at % size);
}

// Draw a value into a canvas and give back its scale; rows that the page lacks stay grey.
function paint(canvas, found, plan) {
  canvas.width = plan.width;
  canvas.height = plan.height;
  const context = canvas.getContext("2d");
  const scale = scaleOf(found.data);
  everyUnit(found.shape, (unit, first, rest) => {
    const row = found.row(first);
    const [red, green, blue] = row ? scale.colour(row[rest]) : [128, 128, 128];
    context.fillStyle = `rgb(${red} ${green} ${blue})`;
    const [x, y] = plan.spot(unit);
    context.fillRect(x, y, plan.cell[0], plan.cell[1]);
  });
  return scale;
}

function outline(canvas, plan, unit) {
  const context = canvas.getContext("2d");
  const [x, y] = plan.spot(unit);
  context.lineWidth = 2;
  context.strokeStyle = "#000";
  context.strokeRect(x - 1, y - 1, plan.cell[0] + 2, plan.cell[1] + 2);
  context.lineWidth = 1;
  context.strokeStyle = "#fff";
  context.strokeRect(x - 2.5, y - 2.5, plan.cell[0] + 5, plan.cell[1] + 5);
}

// A small image of a value for the strip: its loudest map, or its numbers in a square.
function thumbnail(canvas, found) {
  if (!found) return;
  let { shape } = found;
  let data = found.data;
  if (shape.length === 3) {
    const size = shape[1] * shape[2];
    let best = 0;
    let loudest = -1;
    for (let channel = 0; channel * size < data.length; channel += 1) {
      let total = 0;
      for (let at = channel * size; at < (channel + 1) * size; at += 1) total += Math.abs(data[at]);
      if (total > loudest) [loudest, best] = [total, channel];
    }
    data = data.subarray(best * size, (best + 1) * size);
    shape = [shape[1], shape[2]];
  } else if (shape.length === 1) {
    const side = Math.ceil(Math.sqrt(shape[0]));
    shape = [Math.ceil(shape[0] / side), side];
  }
  [canvas.height, canvas.width] = shape;
  const scale = scaleOf(data);
  const context = canvas.getContext("2d");
  const image = context.createImageData(shape[1], shape[0]);
  for (let at = 0; at < data.length && at < shape[0] * shape[1]; at += 1) {
    image.data.set([...scale.colour(data[at]), 255], 4 * at);
  }
  context.putImageData(image, 0, 0);
}

function legend(scale) {
  const stops = scale.signed ? SIGNED : BRIGHT;
  const bar = element("span", { class: "ramp", "aria-hidden": "true" });
  bar.style.background = `linear-gradient(to right, ${stops.map((stop) => `rgb(${stop.join(" ")})`).join(", ")})`;
  return element("p", { class: "legend" }, shown(scale.low, 3), bar, shown(scale.high, 3));
}
