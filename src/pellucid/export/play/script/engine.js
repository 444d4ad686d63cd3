// The engine in a worker: it takes orders, learns in short pieces, and reports what came of it.
import { product } from "../../../reports/explain/script/arrays.js";
import { checkedGradients, deadUnits, decisionOnPlane, stepByHand } from "./engine/inspection.js";
import { networkOf } from "./engine/network.js";
/** @import { Network } from "./engine/network.js" */
/** @import { Data } from "./types.js" */

/** Milliseconds of learning between two looks at what is asked. */
const PIECE = 12;
/** Points learn faster than an eye can follow: no more than so many epochs within the milliseconds of a picture. */
const [EPOCHS_AT_ONCE, PICTURE] = [1, 16];
/** Milliseconds between two reports, and between two looks at validation within an epoch. */
const [REPORT, VALIDATE] = [100, 1000];
/** Validation examples that are scored within an epoch. */
const MOST_SCORED = 500;

/**
 * What the worker knows; `sum`: of the steps since the last report; `followed`: examples of one's own, of which one is
 * pinned, in place of those of validation.
 * @type {{ network: Network | null, data: Data | null, isRunning: boolean, most: number, pinned: number,
 *   followed: import("./types.js").Examples | null,
 *   reported: number, validated: number, sum: { loss: number, right: number, count: number },
 *   validation: { loss: number, accuracy: number } | null }}
 */
const own = {
  network: null,
  data: null,
  isRunning: false,
  most: Infinity,
  pinned: 0,
  followed: null,
  reported: 0,
  validated: 0,
  sum: { loss: 0, right: 0, count: 0 },
  validation: null,
};

/** @param {object} message */
const send = (message) => postMessage(message);

function current() {
  if (!own.network) throw new Error("no network was started");
  return own.network;
}

/** @param {{ design: import("./types.js").Design, data?: Data }} order */
function start({ design, data }) {
  if (data) Object.assign(own, { data, pinned: 0, followed: null });
  if (!own.data) throw new Error("there is nothing to learn from");
  const network = networkOf(design, own.data);
  Object.assign(own, { network, isRunning: false, validation: null, sum: { loss: 0, right: 0, count: 0 } });
  const layers = network.layers.map(({ name, kind, shape, weights }) => ({
    ...{ name, kind, shape },
    weights: weights.map(({ name: each, shape: form }) => ({ name: each, shape: form })),
  }));
  const parameters = network.layers.flatMap(({ weights }) => weights.map(({ shape }) => product(shape)));
  send({ type: "ready", layers, parameters: parameters.reduce((sum, each) => sum + each, 0) });
  score();
  report(0);
}

/** Score validation: all of it where it is small. */
function score() {
  const network = current();
  const { validation } = network.data;
  own.validation = network.score(validation, Math.min(MOST_SCORED, validation.labels.length));
  own.validated = performance.now();
}

/** @param {number} milliseconds since the last report */
function report(milliseconds) {
  const network = current();
  const { loss, right, count } = own.sum;
  const { validation, kind } = network.data;
  send({
    type: "progress",
    step: network.steps,
    epoch: network.steps / network.stepsOfEpoch,
    train: count ? { loss: loss / count, accuracy: right / count } : null,
    validation: own.validation,
    perSecond: milliseconds ? (1000 * count) / milliseconds : 0,
    pinned: network.opened(own.followed ?? validation, own.pinned),
    first: network.layers.find(({ weights }) => weights.length)?.weights[0].data.slice(),
    dead: deadUnits(network),
    boundary: kind === "points" ? decisionOnPlane(network) : undefined,
  });
  own.sum = { loss: 0, right: 0, count: 0 };
  own.validation = null;
  own.reported = performance.now();
}

/** Steps until a moment has passed, or so many are made; false where the loss is no number. @param {Network} network @param {number} last */
function learn(network, last) {
  const began = performance.now();
  while (performance.now() - began < PIECE && network.steps < last) {
    const examples = network.examplesOf(network.steps);
    const { loss, right } = network.step(examples);
    if (!Number.isFinite(loss)) return false;
    own.sum.loss += loss;
    own.sum.right += right;
    own.sum.count += examples.length;
    const isEndOfEpoch = network.steps % network.stepsOfEpoch === 0;
    if (isEndOfEpoch && performance.now() - own.validated > REPORT) score();
  }
  return true;
}

/** Learn for a moment; then whatever was asked meanwhile comes first. */
function piece() {
  if (!own.isRunning) return;
  const network = current();
  const isOfPoints = network.data.kind === "points";
  const most = isOfPoints ? network.steps + EPOCHS_AT_ONCE * network.stepsOfEpoch : Infinity;
  if (!learn(network, Math.min(own.most, most))) {
    own.isRunning = false;
    send({ type: "failed", key: "diverged", values: { step: network.steps } });
    return;
  }
  const isOver = network.steps >= own.most;
  const since = performance.now() - own.reported;
  if (performance.now() - own.validated > VALIDATE || isOver) score();
  if (since > REPORT || isOver) report(since);
  if (isOver) pause();
  else if (isOfPoints) setTimeout(piece, PICTURE);
  else next.port2.postMessage(0);
}

// A message to oneself waits less than a timer does.
const next = new MessageChannel();
next.port1.onmessage = piece;

/** @param {{ most?: number }} order most: steps to make from now on */
function run({ most }) {
  own.most = most === undefined ? Infinity : current().steps + most;
  Object.assign(own, { isRunning: true, reported: performance.now() });
  next.port2.postMessage(0);
}

function pause() {
  own.isRunning = false;
  send({ type: "paused", step: current().steps });
}

/** @param {{ example?: number, weight?: import("./engine/types.js").WeightPlace }} order */
function step({ example, weight }) {
  const network = current();
  const found = stepByHand(network, example ?? network.examplesOf(network.steps)[0], weight);
  if (!Number.isFinite(found.loss)) {
    send({ type: "failed", key: "diverged", values: { step: network.steps } });
    return;
  }
  send({ type: "step", ...found });
  score();
  report(0);
}

/** @type {Record<string, (order: any) => void>} */
const ORDERS = {
  start,
  run,
  pause,
  step,
  pin({ example, examples }) {
    Object.assign(own, { pinned: example, followed: examples ?? null });
    if (!own.isRunning) report(0);
  },
  check: ({ count }) => send({ type: "check", checks: checkedGradients(current(), count) }),
  weights: () =>
    send({
      type: "weights",
      steps: current().steps,
      layers: current().layers.map(({ name, weights }) => ({
        name,
        weights: weights.map(({ name: each, shape, data }) => ({ name: each, shape, data: data.slice() })),
      })),
    }),
  order: ({ step: at }) => send({ type: "order", examples: Array.from(current().examplesOf(at)) }),
  masks: ({ step: at }) => send({ type: "masks", masks: masksOf(at) }),
};

/** What dropout lets pass in a step, by layer. @param {number} at */
function masksOf(at) {
  const network = current();
  network.differentiate(network.examplesOf(at), at);
  const drops = network.layers.filter(({ kind }) => kind === "dropout");
  const count = network.examplesOf(at).length;
  return drops.map(({ mask, size }) => mask.slice(0, count * size));
}

globalThis.onmessage = ({ data }) => ORDERS[data.do](data);
