// The arithmetic of one unit: as tables to read, and as text to copy.
const SHOWN_PRODUCTS = 16;

function largest(products, count) {
  return [...products.keys()].sort((one, other) => Math.abs(products[other]) - Math.abs(products[one])).slice(0, count);
}
const nameOf = (weighing, at) => (weighing.names ? `\u201c${weighing.names[at]}\u201d` : indexText(unravel(at, weighing.shape)));

// A weight, to be chosen where it is one that is learnt.
function weightLink(weighing, at, digits = 5) {
  const text = shown(weighing.weights[at], digits);
  if (!weighing.weightAt) return text;
  const [name, index] = weighing.weightAt(at);
  return isLearnt(name) ? element("button", { class: "number-button", title: `gradient of ${name}[${index.join(", ")}]`, onclick: () => pinWeight(name, index) }, text) : text;
}

function productTable(weighing) {
  const order = largest(weighing.products, SHOWN_PRODUCTS);
  const rows = order.map((at) => element("tr", {},
    element("th", { scope: "row" }, nameOf(weighing, at)),
    element("td", {}, shown(weighing.patch[at])), element("td", {}, weightLink(weighing, at)),
    element("td", {}, shown(weighing.products[at]))));
  const rest = weighing.products.length - order.length;
  if (rest > 0) {
    const kept = order.reduce((total, at) => total + weighing.products[at], 0);
    rows.push(element("tr", { class: "rest" }, element("th", { scope: "row" }, `${rest.toLocaleString("en")} smaller products`),
      element("td", {}), element("td", {}), element("td", {}, shown(weighing.sum - kept))));
  }
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "products" }, element("table", { class: "products" },
    element("thead", {}, element("tr", {}, ...["at", "seen", "weight", "product"].map((word) => element("th", { scope: "col" }, word)))),
    element("tbody", {}, ...rows)));
}

// Patch, kernel and products of one channel as three squares of numbers.
function squares(weighing) {
  const [channels, height, width] = weighing.shape;
  const holder = element("div", { class: "squares" });
  const draw = (channel) => {
    const size = height * width;
    const grid = (title, numbers, content = (at) => shown(numbers[at], 3)) => {
      const scale = scaleOf(numbers);
      const cells = Array.from({ length: height }, (_, k) => element("tr", {}, ...Array.from({ length: width }, (__, l) => {
        const colour = scale.colour(numbers[k * width + l]);
        const made = element("td", {}, content(k * width + l));
        made.style.background = `rgb(${colour.join(" ")})`;
        made.style.color = inkOn(colour);
        return made;
      })));
      return element("table", { class: "square" }, element("caption", {}, title), element("tbody", {}, ...cells));
    };
    const part = (numbers) => numbers.slice(channel * size, (channel + 1) * size);
    holder.replaceChildren(
      grid("seen", part(weighing.patch)), element("span", { class: "sign" }, "\u00d7"),
      grid("kernel", part(weighing.weights), (at) => weightLink(weighing, channel * size + at, 3)), element("span", { class: "sign" }, "="),
      grid("products", part(weighing.products)),
      element("p", { class: "sum" }, `sum of channel ${channel}: ${shown(weighing.sums[channel])}`));
  };
  const order = largest(weighing.sums, channels);
  const select = element("select", { id: "channel-shown", oninput: (event) => draw(Number(event.target.value)) },
    ...order.map((channel) => element("option", { value: channel }, `channel ${channel}: ${shown(weighing.sums[channel])}`)));
  draw(order[0]);
  return element("div", {}, channels > 1 ? element("p", {}, element("label", { for: "channel-shown" }, "Channel, by its sum: "), select) : "", holder);
}

function weighingView(weighing) {
  const parts = [];
  if (weighing.name) parts.push(element("h3", { class: "gate" }, weighing.name));
  const square = weighing.shape.length === 3 && weighing.shape[1] * weighing.shape[2] <= 64 && weighing.shape[1] > 1;
  if (square) parts.push(squares(weighing));
  const table = productTable(weighing);
  parts.push(square || weighing.name
    ? element("details", {}, element("summary", {}, "The largest products"), table) : table);
  parts.push(element("p", { class: "equation" },
    `sum of ${weighing.products.length.toLocaleString("en")} products ${shown(weighing.sum, 7)} + bias ${shown(weighing.bias)} = ${shown(weighing.value, 7)}`));
  return parts;
}

function curveView({ x, y, kind }, settings) {
  const reach = Math.max(3, Math.abs(x) * 1.2);
  const points = Array.from({ length: 81 }, (_, at) => (at / 40 - 1) * reach).map((place) => [place, bends[kind](place, settings)]);
  const low = Math.min(0, ...points.map(([, height]) => height));
  const high = Math.max(1, ...points.map(([, height]) => height));
  const spot = ([place, height]) => [110 * (1 + place / reach), 100 - (100 * (height - low)) / (high - low)];
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, text);
    return made;
  };
  const drawing = svg("svg", { viewBox: "-6 -6 232 112", class: "curve", role: "img", "aria-label": `${kind} at ${shown(x)} is ${shown(y)}` });
  const [middle, zero] = spot([0, 0]);
  drawing.append(svg("line", { x1: 0, x2: 220, y1: zero, y2: zero, class: "axis" }), svg("line", { x1: middle, x2: middle, y1: 0, y2: 100, class: "axis" }));
  drawing.append(svg("polyline", { points: points.map((point) => spot(point).join(",")).join(" "), class: "line" }));
  const [cx, cy] = spot([x, y]);
  drawing.append(svg("circle", { cx, cy, r: 5, class: "end" }));
  return drawing;
}

function softmaxView(powers) {
  const total = powers.reduce((sum, power) => sum + power, 0);
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "exponentials" }, element("table", {},
    element("thead", {}, element("tr", {}, ...["class", "exponential", "share"].map((word) => element("th", { scope: "col" }, word)))),
    element("tbody", {}, ...largest(powers, 20).map((at) => element("tr", {},
      element("th", { scope: "row" }, told.classes[at]), element("td", {}, shown(powers[at])), element("td", {}, shown(powers[at] / total)))))));
}

function verdict(found) {
  const agrees = found.difference <= 1e-5 * found.magnitude;
  return element("p", { class: agrees ? "verdict" : "verdict wrong", id: "verdict" },
    `network says ${shown(found.network, 7)}, by hand ${shown(found.value, 7)}, difference ${shown(found.difference, 2)}`,
    agrees ? "" : ": more than rounding explains");
}

function arithmeticText(layer, unit, found) {
  const lines = [`${layer.name} (${layer.words}), unit ${indexText(unit)}`];
  for (const weighing of found.weighings) {
    if (weighing.name) lines.push(`${weighing.name}:`);
    const order = largest(weighing.products, SHOWN_PRODUCTS);
    for (const at of order) lines.push(`  ${nameOf(weighing, at)}: ${weighing.weights[at]} \u00d7 ${weighing.patch[at]} = ${weighing.products[at]}`);
    if (weighing.products.length > order.length) lines.push(`  and ${weighing.products.length - order.length} smaller products`);
    lines.push(`  sum ${weighing.sum} + bias ${weighing.bias} = ${weighing.value}`);
  }
  if (found.choice) lines.push(`largest of ${found.choice.data.length} numbers, at ${indexText(found.choice.source)} of what is pooled`);
  for (const [words, number] of found.steps) lines.push(`${words} = ${number}`);
  lines.push(`network says ${found.network}, by hand ${found.value}, difference ${found.difference}`);
  return lines.join("\n");
}

function arithmeticView(layer, unit) {
  let found;
  try {
    found = openUnit(layer, unit);
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    const parts = [element("p", { class: "quiet" }, `${error.message}. In Python, pellucid.explain(model, input).unit(\u201c${layer.name}\u201d, ${indexText(unit)}) opens any unit.`)];
    const chosen = (told.chosen || {})[layer.name] || [];
    if (chosen.length) parts.push(element("p", {}, "Units of this layer that the page can open: ", ...chosen.map((each) => element("button", { class: "plain-button", onclick: () => pin(each.unit) }, indexText(each.unit)))));
    return { parts, found: null };
  }
  const parts = [verdict(found)];
  if (found.history) parts.push(gatesView(layer, unit, found.history, found.gates));
  for (const weighing of found.weighings) parts.push(...weighingView(weighing));
  if (layer.kind.includes("average")) parts.push(element("p", { class: "quiet" }, "A mean is a convolution whose weights are all equal and never learnt."));
  if (found.choice) {
    const tokens = layer.kind === "text-max" ? `, which sees \u201c${gramAt(layer.takes[0], found.choice.source)}\u201d` : "";
    const equal = found.choice.data.reduce((count, number) => count + (number >= found.value - 1e-6 * Math.abs(found.value)), 0);
    parts.push(element("p", {}, `The largest of ${found.choice.data.length} numbers${equal > 1 ? `, which is reached ${equal} times,` : ""} stands at ${indexText(found.choice.source)} of ${layer.takes[0]}${tokens}. No weights can choose a largest number: taking the maximum is not a convolution.`));
    if (found.choice.shape.length === 2 && found.choice.data.length <= 64) {
      parts.push(element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "window" }, element("table", { class: "square" }, element("caption", {}, "the window"), element("tbody", {},
        ...Array.from({ length: found.choice.shape[0] }, (_, k) => element("tr", {}, ...Array.from({ length: found.choice.shape[1] }, (__, l) => {
          const index = k * found.choice.shape[1] + l;
          return element("td", { class: index === found.choice.winner ? "winner" : "" }, shown(found.choice.data[index], 4));
        })))))));
    }
  }
  if (found.curve) parts.push(curveView(found.curve, layer.settings));
  if (found.steps.length) {
    parts.push(element("ol", { class: "steps" }, ...found.steps.map(([words, number]) => element("li", {}, element("span", {}, words), element("span", { class: "number" }, shown(number, 7))))));
  }
  if (found.powers) parts.push(softmaxView(found.powers));
  return { parts, found };
}

// For every filter the tokens that won the maximum over the text, the largest first.
function winnersView(layer) {
  const found = value(layer.name);
  if (!found || found.kept) return null;
  let winners;
  try {
    winners = Array.from(found.data, (number, filter) => [filter, number, chosen(layer, [filter]).choice.source[0]]);
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    return null;
  }
  winners.sort((one, other) => other[1] - one[1]);
  return element("details", { open: true }, element("summary", {}, `The n-gram that won, for each of ${winners.length} filters`),
    element("div", { class: "scroll tall", tabindex: "0", role: "group", "aria-label": "winning n-grams" }, element("table", {},
      element("thead", {}, element("tr", {}, ...["filter", "largest", "at", "n-gram"].map((word) => element("th", { scope: "col", class: word === "n-gram" ? "words" : null }, word)))),
      element("tbody", {}, ...winners.map(([filter, number, place]) => element("tr", {},
        element("th", { scope: "row" }, element("button", { class: "number-button", onclick: () => pin([filter]) }, String(filter))),
        element("td", {}, shown(number, 4)), element("td", {}, String(place)), element("td", { class: "foreign words" }, gramAt(layer.takes[0], [place, filter]))))))));
}

// The tokens that a place of a text sees.
function gramAt(name, unit) {
  const field = fieldOf(name, unit);
  if (!field) return "the whole text";
  const words = told.tokens.slice(field[0][0], field[0][1] + 1).map((word) => word || "(unknown)");
  return `${words.slice(0, 12).join(" ")}${words.length > 12 ? " \u2026" : ""}`;
}
