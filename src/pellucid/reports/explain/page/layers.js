// What is shown of a whole layer beside its numbers: in words, its kernels, and what tokens did in it.
// How the numbers of a layer are drawn, in words.
function laidOut(shape) {
  if (shape.length === 3) return shape[0] === 1 ? `one map of ${shape[1]}\u00d7${shape[2]} numbers` : `${shape[0]} maps of ${shape[1]}\u00d7${shape[2]} numbers`;
  return shape.length === 2 ? `${shape[0]} places of the text (rows) with ${shape[1]} numbers each` : `${shape[0]} ${shape[0] === 1 ? "number" : "numbers"}`;
}

// What is to be said of a whole layer of a text: the n-grams that won, or what each step adds.
function moreOf(layer) {
  const view = layer.kind === "text-max" ? winnersView(layer) : layer.kind === "lstm" || layer.kind === "gru" ? stepsView(layer) : null;
  return view ? [view] : [];
}

// The weights of a unit as an image: kernels by channel, a row for each token, or as the image that a dense unit sees.
function kernelsOf(layer, unit) {
  const weight = ["convolution", "neighbours", "dense"].includes(layer.kind) ? stored(layer.weights[0]) : null;
  const at = unit[layer.kind === "neighbours" ? 1 : 0];
  const own = weight && weight.row(at);
  if (!own) return [];
  const [count, ...shape] = weight.shape;
  if (layer.kind === "convolution") return tiles(`Kernels of filter ${at} of ${count}`, `kernels of filter ${at}, one for each of ${shape[0]} channels`, arrayOf(shape, own));
  if (layer.kind === "neighbours") {
    const [numbers, kernel] = shape;
    const rows = Float32Array.from({ length: kernel * numbers }, (_, each) => own[(each % numbers) * kernel + Math.floor(each / numbers)]);
    return tiles(`Weights of filter ${at} of ${count}: a row for each neighbouring token`, `weights of filter ${at}, a row for each of ${kernel} neighbouring tokens`, arrayOf([kernel, numbers], rows));
  }
  const source = byName.get(layer.takes[0]);
  if (!source || source.kind !== "flatten") return [];
  const seen = source.takes[0] === "inputs" ? told.inputs : byName.get(source.takes[0]).shape;
  if (seen.length !== 3) return [];
  return tiles(`Weights of unit ${at} of ${count}, laid out as the ${seen[0] === 1 ? "map" : `${seen[0]} maps`} it sees`, `weights of unit ${at} as ${seen[0]} maps`, arrayOf(seen, own));
}

function tiles(title, label, found) {
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const scale = paint(canvas, found, layout(found.shape, 320));
  return [element("h3", {}, title), element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "kernels" }, canvas), legend(scale)];
}
