// Units of recurrent layers: the gates at every step, and what each step adds.
const GATES = {
  lstm: ["input gate i", "forget gate f", "candidate g", "output gate o"],
  gru: ["reset gate r", "update gate z", "candidate g"],
};

const isCandidate = (name) => name.startsWith("candidate");

// One step of one unit, from the sums inside its gates: those from the place, and those from the states before.
function cell(kind, pairs, before) {
  const total = pairs.map(([one, other]) => one + other);
  if (kind === "lstm") {
    const gates = [sigmoid(total[0]), sigmoid(total[1]), Math.tanh(total[2]), sigmoid(total[3])];
    const added = gates[0] * gates[2];
    const memory = gates[1] * before + added;
    return { gates, kept: gates[1] * before, added, memory, state: gates[3] * Math.tanh(memory) };
  }
  const reset = sigmoid(total[0]);
  const gates = [reset, sigmoid(total[1]), Math.tanh(pairs[2][0] + reset * pairs[2][1])];
  const added = (1 - gates[1]) * gates[2];
  const state = added + gates[1] * before;
  return { gates, kept: gates[1] * before, added, memory: state, state };
}

// A unit of a recurrent layer: its gates at this place, its own memory followed from the first place on.
function recurrent(layer, [place, unit]) {
  const names = GATES[layer.kind];
  const weights = layer.weights.map(stored);
  const inputs = need(value(layer.takes[0]));
  const states = need(value(layer.name));
  const nothing = new Float64Array(layer.shape[1]);
  const before = (t) => (t ? need(states.row(t - 1)) : nothing);
  const row = (gate) => gate * layer.shape[1] + unit;
  const met = (part, gate) => ({ weightAt: (at) => [layer.weights[part], [row(gate), at]] });
  const sumsAt = (t) => names.map((name, gate) => [
    { ...weighing(`${name}, from the place`, need(inputs.row(t)), need(weights[0].row(row(gate))), [inputs.shape[1]], need(weights[2].row(row(gate)))[0]), ...met(0, gate) },
    { ...weighing(`${name}, from the states before`, before(t), need(weights[1].row(row(gate))), [layer.shape[1]], need(weights[3].row(row(gate)))[0]), ...met(1, gate) },
  ]);
  const steps = [];
  let carried = 0;
  const history = Array.from({ length: inputs.shape[0] }, (_, t) => {
    const former = carried;
    const found = cell(layer.kind, sumsAt(t).map(([one, other]) => [one.value, other.value]), former);
    carried = found.memory;
    return { ...found, former };
  });
  const now = history[place];
  names.forEach((name, gate) => steps.push([`${name}, after ${isCandidate(name) ? "tanh" : "the sigmoid"}`, now.gates[gate]]));
  if (layer.kind === "lstm") {
    steps.push(["memory before", now.former], ["memory s: f \u00d7 memory before + i \u00d7 g", now.memory]);
    steps.push(["state h: o \u00d7 tanh(s)", now.state]);
  } else {
    steps.push(["state before", now.former], ["state h: (1 \u2212 z) \u00d7 g + z \u00d7 state before", now.state]);
  }
  const weighings = sumsAt(place).flat();
  const magnitude = Math.max(...weighings.map((each) => each.magnitude)) + Math.abs(now.state);
  return { weighings, steps, value: now.state, magnitude, source: [place], history, gates: names };
}

const tokenAtStep = (layer, t) => told.tokens[layer.name.includes("backwards") ? told.tokens.length - 1 - t : t] || "(unknown)";

// A number on the colour of its scale.
function coloured(tag, number, scale, attributes = {}) {
  const cellMade = element(tag, attributes, shown(number, 3));
  const colour = scale.colour(number);
  cellMade.style.background = `rgb(${colour.join(" ")})`;
  cellMade.style.color = inkOn(colour);
  return cellMade;
}

// The gates of one unit, and what each step keeps and adds, over the whole text.
function gatesView(layer, unit, history, names) {
  const [carries, kept, added] = layer.kind === "lstm" ? ["memory", "f \u00d7 before", "i \u00d7 g"] : ["state", "z \u00d7 before", "(1 \u2212 z) \u00d7 g"];
  const columns = [
    ...names.map((name, gate) => [name, (step) => step.gates[gate]]),
    [`kept of the ${carries}: ${kept}`, (step) => step.kept], [`added to the ${carries}: ${added}`, (step) => step.added],
    ...(layer.kind === "lstm" ? [["memory", (step) => step.memory]] : []), ["state", (step) => step.state],
  ];
  const scales = columns.map(([, of], at) => (at < names.length ? gateScale(names[at]) : scaleOf(history.map(of))));
  return element("details", { open: true }, element("summary", {}, "This unit over the whole text: its gates, and what each step adds"),
    element("div", { class: "scroll tall", tabindex: "0", role: "group", "aria-label": "gates over the text" }, element("table", { class: "gates" },
      element("thead", {}, element("tr", {}, ...["step", "token", ...columns.map(([name]) => name)].map((word) => element("th", { scope: "col" }, word)))),
      element("tbody", {}, ...history.map((step, t) => element("tr", { class: t === unit[0] ? "here" : null }, element("th", { scope: "row" }, String(t)),
        element("td", { class: "foreign" }, tokenAtStep(layer, t)), ...columns.map(([, of], at) => coloured("td", of(step), scales[at]))))))));
}
const gateScale = (name) => scaleOf(isCandidate(name) ? [-1, 1] : [0, 1]);

// How far the states of a whole layer move at each step, token by token.
function stepsView(layer) {
  const states = value(layer.name);
  if (!states || states.kept) return null;
  const nothing = new Float64Array(layer.shape[1]);
  const moves = Array.from({ length: layer.shape[0] }, (_, t) => {
    const before = t ? states.row(t - 1) : nothing;
    return Math.hypot(...states.row(t).map((state, at) => state - before[at]));
  });
  const scale = scaleOf([0, ...moves]);
  return element("div", {}, element("h3", {}, "What each step adds"),
    element("p", { class: "quiet" }, "How far the states of the layer move at each token (length of the change), in the order in which they are read."),
    element("p", { class: "pieces foreign" }, ...moves.flatMap((move, t) => {
      const span = element("span", { title: shown(move, 3) }, tokenAtStep(layer, t));
      const colour = scale.colour(move);
      span.style.background = `rgb(${colour.join(" ")})`;
      span.style.color = inkOn(colour);
      return [span, " "];
    })), legend(scale));
}
