// The page: a strip of layers, the chosen layer, the pinned unit. The address after # remembers all three.
const current = { layer: null, unit: null, view: "forward", weight: null };
const shownLayers = layers.filter((layer) => !layer.hidden);
const $ = (id) => document.getElementById(id);
let plan = null;
let drawn = null;

function clamp(unit, shape) {
  return shape.map((size, axis) => Math.min(size - 1, Math.max(0, unit && Number.isInteger(unit[axis]) ? unit[axis] : 0)));
}

function loudestUnit(layer) {
  const chosen = (told.chosen || {})[layer.name] || [];
  if (chosen.length && current.view !== "backward") return chosen[0].unit;
  // Backwards, the number that the loss depends on most.
  const found = (current.view === "backward" && stored(`gradient:${layer.name}`)) || value(layer.name);
  if (!found) return layer.shape.map(() => 0);
  let best = 0;
  found.data.forEach((number, at) => { if (Math.abs(number) > Math.abs(found.data[best])) best = at; });
  const unit = unravel(best, found.shape);
  if (found.kept) unit[0] = found.kept[unit[0]];
  return unit;
}

function choose(layer, unit, { remember = true, weight = null } = {}) {
  current.layer = layer;
  current.weight = weight;
  current.unit = unit ? clamp(unit, layer.shape) : loudestUnit(layer);
  drawLayer();
  drawUnit();
  for (const button of document.querySelectorAll(".strip button")) {
    const own = button.dataset.layer === layer.name;
    button.setAttribute("aria-current", own ? "true" : "false");
    button.tabIndex = own ? 0 : -1;
    if (own && document.activeElement !== button) button.parentElement.scrollIntoView?.({ block: "nearest" });
  }
  if (remember) rememberPlace();
}

function rememberPlace() {
  const weight = current.weight && current.weight[1] ? `/${encodeURIComponent(current.weight[0])}:${current.weight[1].join(",")}` : "";
  const place = current.layer ? `#${current.view}/${encodeURIComponent(current.layer.name)}/${current.unit.join(",")}${weight}` : `#${current.view}`;
  if (location.hash !== place) history.replaceState(null, "", place);
}

function readPlace() {
  const [view, name, unit, weight] = location.hash.slice(1).split("/");
  show(["forward", "backward", "drove"].includes(view) ? view : shownLayers.length ? "forward" : "drove");
  const layer = byName.get(decodeURIComponent(name || "")) || shownLayers[shownLayers.length > 1 ? 1 : 0];
  if (layer && !layer.hidden) choose(layer, unit ? unit.split(",").map(Number) : null, { remember: false, weight: weightFrom(layer, weight) });
}

// A weight as the address names it.
function weightFrom(layer, text) {
  const [name, index] = decodeURIComponent(text || "").split(":");
  return index && learntOf(layer).includes(name) ? [name, index.split(",").map(Number)] : null;
}

function drawLayer() {
  const { layer } = current;
  $("layer-title").textContent = `${layer.name}: ${layer.words}`;
  const formula = document.querySelector(`[data-layer-facts="${CSS.escape(layer.name)}"]`);
  $("layer-facts").replaceChildren(...[...formula.children].map((child) => child.cloneNode(true)));
  const found = current.view === "backward" ? stored(`gradient:${layer.name}`) : value(layer.name);
  const canvas = $("maps");
  $("maps-legend").replaceChildren();
  plan = layout(layer.shape, Math.max(240, $("maps-holder").clientWidth - 8));
  if (!found) {
    canvas.width = canvas.height = 1;
    drawn = null;
    $("layer-more").replaceChildren();
    $("maps-legend").replaceChildren(element("p", { class: "quiet" }, current.view === "backward" ? "No gradient reaches this layer." : "The page does not hold these numbers."));
    return;
  }
  const scale = paint(canvas, found, plan);
  drawn = element("canvas", { width: canvas.width, height: canvas.height });
  drawn.getContext("2d").drawImage(canvas, 0, 0);
  $("maps-legend").replaceChildren(legend(scale));
  $("maps-legend").append(element("p", { class: "quiet" }, `${current.view === "backward" ? "The gradient of the loss" : "What the layer gives"}: ${laidOut(layer.shape)}. A click, or the arrow keys, open one of them.`));
  if (found.kept) $("maps-legend").append(element("p", { class: "quiet" }, `Held by the page: ${found.kept.length} of ${found.shape[0]}; the others are grey.`));
  $("layer-more").replaceChildren(...(current.view === "forward" ? moreOf(layer) : []));
}

function drawUnit() {
  const { layer, unit } = current;
  if (drawn) {
    $("maps").getContext("2d").drawImage(drawn, 0, 0);
    outline($("maps"), plan, unit);
  }
  $("unit-inputs").replaceChildren(...unit.map((at, axis) => {
    const names = { 3: ["channel", "row", "column"], 2: ["place", "channel"], 1: ["unit"] }[layer.shape.length];
    const input = element("input", { type: "number", id: `unit-${axis}`, min: 0, max: layer.shape[axis] - 1, value: at,
      oninput: (event) => { if (event.target.value !== "") pin(current.unit.map((old, other) => (other === axis ? Number(event.target.value) : old)), `unit-${axis}`); } });
    return element("label", { for: `unit-${axis}` }, names[axis], " ", input);
  }));
  const { parts, found } = arithmeticView(layer, unit);
  $("unit-title").textContent = `Unit ${indexText(unit)}`;
  $("arithmetic").replaceChildren(...(current.view === "backward" ? backwardView(layer, unit, found) : parts));
  $("as-text").textContent = found ? arithmeticText(layer, unit, found) : "";
  $("copy-holder").hidden = !found;
  $("arithmetic").dataset.difference = found ? String(found.difference / Math.max(found.magnitude, 1e-30)) : "";
  $("kernels").replaceChildren(...kernelsOf(layer, unit));
  drawField(fieldOf(layer.name, unit));
}

function pin(unit, focused = null) {
  current.unit = clamp(unit, current.layer.shape);
  drawUnit();
  rememberPlace();
  if (focused) refocus(focused);
  $("said").textContent = `unit ${indexText(current.unit)}: ${$("verdict") ? $("verdict").textContent : ""}`;
}

// Go on typing where one was: the field is a new one, and the cursor stands behind what it holds.
function refocus(id) {
  const field = $(id);
  field.focus();
  if (field.type === "number") [field.value, field.value] = ["", field.value];
}

function drawField(field) {
  const box = $("field");
  if (box) {
    const [height, width] = told.inputs.slice(1);
    const [[top, bottom], [left, right]] = field || [[0, height - 1], [0, width - 1]];
    Object.assign(box.style, { top: `${(100 * top) / height}%`, left: `${(100 * left) / width}%`, height: `${(100 * (bottom - top + 1)) / height}%`, width: `${(100 * (right - left + 1)) / width}%` });
    $("field-words").textContent = `This unit sees rows ${top} to ${bottom}, columns ${left} to ${right}.`;
  } else if ($("field-words")) {
    const [low, high] = field ? field[0] : [0, told.tokens.length - 1];
    document.querySelectorAll("#tokens span").forEach((span, at) => span.classList.toggle("seen", at >= low && at <= high));
    $("field-words").textContent = field ? `This unit sees tokens ${low} to ${high}.` : "This unit sees the whole text.";
  }
}

function moved(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const { shape } = current.layer;
  const unit = [...current.unit];
  const last = shape.length - 1;
  if (step) unit[last] += step;
  else if (event.key === "ArrowUp" && shape.length > 1) unit[last - 1 < 0 ? 0 : shape.length === 3 ? 1 : 0] -= 1;
  else if (event.key === "ArrowDown" && shape.length > 1) unit[shape.length === 3 ? 1 : 0] += 1;
  else if (event.key === "PageUp" && shape.length === 3) unit[0] -= 1;
  else if (event.key === "PageDown" && shape.length === 3) unit[0] += 1;
  else return;
  event.preventDefault();
  pin(unit);
}

function show(view) {
  current.view = view;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const own = tab.dataset.view === view;
    tab.setAttribute("aria-selected", own ? "true" : "false");
    tab.tabIndex = own ? 0 : -1;
  }
  if ($("panel-network")) $("panel-network").hidden = view === "drove";
  if ($("loss")) $("loss").hidden = view !== "backward";
  $("panel-drove").hidden = view !== "drove";
  document.body.dataset.view = view;
}

function stripKeys(event) {
  const step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const next = shownLayers[Math.min(shownLayers.length - 1, Math.max(0, shownLayers.indexOf(current.layer) + step))];
  choose(next, null);
  document.querySelector(`.strip button[data-layer="${CSS.escape(next.name)}"]`).focus();
}

function drawDrivers() {
  for (const driver of told.drivers) {
    const found = stored(`driver:${driver.name}`);
    const scale = scaleOf(found.data);
    const canvas = document.querySelector(`canvas[data-driver="${driver.name}"]`);
    if (canvas) {
      [canvas.height, canvas.width] = found.shape;
      const context = canvas.getContext("2d");
      const image = context.createImageData(found.shape[1], found.shape[0]);
      found.data.forEach((score, at) => image.data.set([...scale.colour(score), 255], 4 * at));
      context.putImageData(image, 0, 0);
    }
    document.querySelectorAll(`[data-driver-pieces="${driver.name}"] span`).forEach((span, at) => {
      const colour = (scale.signed ? scale : { colour: (score) => mixed(SIGNED, 0.5 + score / (2 * (scale.high || 1))) }).colour(found.data[at]);
      span.style.background = `rgb(${colour.join(" ")})`;
      span.style.color = inkOn(colour);
      span.title = shown(found.data[at], 3);
    });
    document.querySelector(`[data-driver-legend="${driver.name}"]`).replaceChildren(legend(scale));
  }
}

function start() {
  document.documentElement.classList.add("scripted");
  const tabs = [...document.querySelectorAll("[role=tab]")];
  for (const tab of tabs) {
    tab.onclick = () => { show(tab.dataset.view); if (current.layer) choose(current.layer, current.unit); else rememberPlace(); };
    tab.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      next.focus();
      next.click();
    };
  }
  drawDrivers();
  if (shownLayers.length) {
    for (const button of document.querySelectorAll(".strip button")) {
      const layer = byName.get(button.dataset.layer);
      thumbnail(button.querySelector("canvas"), value(layer.name));
      button.onclick = () => choose(layer, null);
      button.onkeydown = stripKeys;
    }
    const maps = $("maps");
    const unitAt = (event) => {
      const box = maps.getBoundingClientRect();
      return plan.unit(((event.clientX - box.left) * maps.width) / box.width, ((event.clientY - box.top) * maps.height) / box.height);
    };
    maps.onclick = (event) => { const unit = unitAt(event); if (unit) pin(unit); };
    maps.onmousemove = (event) => {
      const unit = unitAt(event);
      const number = unit ? (current.view === "backward" ? gradientAt : numberAt)(current.layer.name, unit) : undefined;
      $("hovered").textContent = unit ? `unit ${indexText(unit)}: ${number === undefined ? "not in the page" : shown(number)}` : "";
    };
    maps.onkeydown = moved;
    $("copy").onclick = async () => {
      try {
        await navigator.clipboard.writeText($("as-text").textContent);
        $("said").textContent = "copied";
      } catch {
        const range = document.createRange();
        range.selectNodeContents($("as-text"));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        $("said").textContent = "selected; copy it with the keyboard";
      }
    };
  }
  window.onhashchange = () => { if (location.hash !== "#main") readPlace(); };
  readPlace();
}
start();
