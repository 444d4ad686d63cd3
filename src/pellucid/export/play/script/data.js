// Data sets of the page: those that it holds, points made from a seed, and texts as ids of words.
import { inflated } from "../../../reports/explain/script/arrays.js";
import { byId } from "../../../reports/explain/script/dom.js";
import { drawsOf, normalOf } from "./engine/draws.js";
/** @import { Choice, Data, Examples, PackedFacts } from "./types.js" */

// Points in two dimensions, of two classes, each a figure with noise.

const POINTS = { train: 300, validation: 150 };

/** @typedef {(draw: () => number, label: number) => [number, number]} Figure */

/** @type {Record<string, Figure>} */
const FIGURES = {
  circles(draw, label) {
    const angle = 2 * Math.PI * draw();
    const radius = label ? 0.35 : 0.8;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  xor(draw, label) {
    const [x, y] = [draw(), draw()].map((each) => 0.12 + 0.75 * each);
    const side = draw() < 0.5 ? -1 : 1;
    return [side * x, label ? side * y : -side * y];
  },
  moons(draw, label) {
    const angle = Math.PI * draw();
    const side = label ? -1 : 1;
    return [side * (0.6 * Math.cos(angle) - 0.28), side * (0.7 * Math.sin(angle) - 0.2)];
  },
  spiral(draw, label) {
    const along = 0.08 + 0.92 * draw();
    const angle = 3 * Math.PI * along + (label ? Math.PI : 0);
    return [0.9 * along * Math.sin(angle), 0.9 * along * Math.cos(angle)];
  },
};

/** @param {Figure} figure @param {() => number} draw @param {number} noise @param {number} count @returns {Examples} */
function pointsOf(figure, draw, noise, count) {
  const inputs = new Float32Array(2 * count);
  const labels = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    labels[at] = at % 2;
    const [x, y] = figure(draw, labels[at]);
    inputs.set([x + noise * normalOf(draw), y + noise * normalOf(draw)], 2 * at);
  }
  return { inputs, labels };
}

/** @param {string} name @returns {Choice} */
const pointsChoice = (name) => ({
  name,
  kind: "points",
  note: null,
  made(seed, noise) {
    const draw = drawsOf(seed);
    const [train, validation] = [POINTS.train, POINTS.validation].map((count) =>
      pointsOf(FIGURES[name], draw, noise, count),
    );
    return { kind: "points", shape: [2], classes: ["A", "B"], train, validation };
  },
});

// Texts: words in small letters; of scripts that write no spaces, each character.

const WORDS =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]|(?:(?![\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}])[\p{L}\p{M}\p{N}])+/gu;
const MOST_WORDS = 2000;

/** @param {string} text @returns {string[]} */
const wordsOf = (text) => text.normalize("NFKC").toLowerCase().match(WORDS) ?? [];

/** The most frequent words of texts, of those in two of them or more; the first stands for all others. @param {string[]} texts */
function vocabularyOf(texts) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const text of texts) {
    for (const word of new Set(wordsOf(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const frequent = [...counts].filter(([, count]) => count > 1).sort((one, other) => other[1] - one[1]);
  return ["\u2026", ...frequent.slice(0, MOST_WORDS - 1).map(([word]) => word)];
}

/** Ids of the words of texts, one text behind the other, and where each begins. @param {string[]} texts @param {string[]} words */
export function idsOf(texts, words) {
  const places = new Map(words.map((word, at) => [word, at]));
  const all = texts.map((text) => {
    const found = wordsOf(text).map((word) => places.get(word) ?? 0);
    return found.length ? found : [0];
  });
  const starts = new Uint32Array(texts.length + 1);
  all.forEach((ids, at) => (starts[at + 1] = starts[at] + ids.length));
  return { ids: Uint16Array.from(all.flat()), starts };
}

// What the page holds.

/** @param {PackedFacts} facts @returns {Choice} */
function textsChoice(facts) {
  const words = vocabularyOf(facts.train.texts ?? []);
  const [train, validation] = [facts.train, facts.validation].map(({ texts, labels }) => ({
    inputs: idsOf(texts ?? [], words),
    labels: Uint8Array.from(labels),
  }));
  /** @type {Data} */
  const data = { kind: "text", shape: [words.length], classes: facts.classes, train, validation };
  return { ...facts, texts: facts.validation.texts, words, made: () => data };
}

/** @param {PackedFacts} facts @param {Uint8Array} pixels @returns {Choice} */
function imagesChoice(facts, pixels) {
  const shape = facts.shape ?? [];
  const trained = facts.train.labels.length * shape.reduce((whole, each) => whole * each, 1);
  /** @type {Data} */
  const data = {
    kind: "image",
    shape,
    classes: facts.classes,
    train: { inputs: pixels.slice(0, trained), labels: Uint8Array.from(facts.train.labels) },
    validation: { inputs: pixels.slice(trained), labels: Uint8Array.from(facts.validation.labels) },
  };
  return { ...facts, made: () => data };
}

/** All data sets that one may choose: those that the page holds and, beside them, points. @returns {Promise<Choice[]>} */
export async function choicesOfPage() {
  /** @type {PackedFacts[]} */
  const held = await inflated(byId("play-facts").textContent).json();
  const pixels = new Uint8Array(await inflated(byId("play-pixels").textContent).arrayBuffer());
  let at = 0;
  const found = held.map((facts) => {
    if (facts.kind === "text") return textsChoice(facts);
    const count = facts.train.labels.length + facts.validation.labels.length;
    const size = count * (facts.shape ?? []).reduce((whole, each) => whole * each, 1);
    at += size;
    return imagesChoice(facts, pixels.subarray(at - size, at));
  });
  const points = Object.keys(FIGURES).map(pointsChoice);
  // Samples come behind the points, which learn in a blink; one's own data come first.
  return held.some(({ name }) => name.startsWith("sample:")) ? [...points, ...found] : [...found, ...points];
}
