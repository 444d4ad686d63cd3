// The error flowing back: the gradient at a layer, and the chain rule at the pinned unit.
function chainView(layer, unit, found) {
  const above = gradientAt(layer.name, unit);
  if (above === undefined) return [element("p", { class: "quiet" }, "There is no gradient here: the loss does not depend on it, or it does not fit into the page.")];
  const parts = [element("p", {}, "Gradient of the loss at this number: ", element("span", { class: "number", id: "above" }, shown(above, 6)), `. If the number grew by a little, the loss would ${above === 0 ? "stay as it is" : above > 0 ? "grow" : "fall"}${above === 0 ? "" : ` by ${shown(Math.abs(above), 3)} times as much`}.`)];
  if (!found) return parts;
  const [weighing] = found.weighings;
  if (weighing && found.weighings.length === 1) {
    const order = largest(weighing.products, 12);
    parts.push(element("p", {}, "By the chain rule it passes on, to each number it saw, itself times the weight, and to each weight itself times the number seen:"));
    parts.push(element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "chain rule" }, element("table", {},
      element("thead", {}, element("tr", {}, ...["at", "to the number seen", "to the weight"].map((word) => element("th", { scope: "col" }, word)))),
      element("tbody", {}, ...order.map((at) => element("tr", {}, element("th", { scope: "row" }, nameOf(weighing, at)),
        element("td", {}, `${shown(above, 3)} \u00d7 ${shown(weighing.weights[at], 3)} = ${shown(above * weighing.weights[at], 3)}`),
        element("td", {}, `${shown(above, 3)} \u00d7 ${shown(weighing.patch[at], 3)} = ${shown(above * weighing.patch[at], 3)}`)))))));
  } else if (found.choice) {
    parts.push(element("p", {}, `All of it goes to the winner at ${indexText(found.choice.source)}; the other numbers of the window get nothing.`));
  } else if (found.curve) {
    const slope = found.steps.find(([words]) => words === "slope there")[1];
    parts.push(element("p", { class: "equation" }, `passed on: ${shown(above)} \u00d7 slope ${shown(slope)} = ${shown(above * slope)}`));
  }
  return parts;
}

// How the layer's gradient by hand compares with that by autograd.
function normWords(layer) {
  if (layer.norm === null) return [];
  return [element("p", {}, `Length of the gradient at this layer: ${shown(layer.norm, 4)}.`,
    layer.disagreement === null ? "" : ` By hand and by autograd it is the same to ${shown(layer.disagreement, 2)} of its largest entry.`)];
}

function backwardView(layer, unit, found) {
  const parts = [...normWords(layer), ...chainView(layer, unit, found), ...weightView(layer, found)];
  const checks = document.querySelector(`[data-checks="${CSS.escape(layer.name)}"]`);
  if (checks) parts.push(...[...checks.children].map((child) => child.cloneNode(true)));
  return parts;
}
