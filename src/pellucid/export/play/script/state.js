// What the part that trains knows: the choices made, and what the engine has reported.
import { byId } from "../../../reports/explain/script/dom.js";
/** @import { Choice, Data, Design, EngineLayer, Progress } from "./types.js" */

/** @typedef {{ at: number, loss: number, accuracy: number }} CurvePoint at: epochs */

/** @type {Record<string, Partial<Design>>} */
const USUAL = {
  points: { model: "mlp", depth: 2, width: 16, activation: "relu", rate: 0.02, batch: 16 },
  image: { model: "mlp", depth: 1, width: 32, activation: "relu", rate: 0.002, batch: 32 },
  text: { model: "bag", depth: 1, width: 16, activation: "relu", rate: 0.02, batch: 16 },
};

export const state = {
  choices: /** @type {Choice[]} */ ([]),
  chosen: 0,
  noise: 0.06,
  design: /** @type {Design} */ ({
    model: "mlp",
    depth: 2,
    width: 16,
    kernel: 3,
    activation: "relu",
    dropout: 0,
    loss: "cross-entropy",
    optimiser: "adam",
    rate: 0.02,
    batch: 16,
    seed: 1,
    precision: "float32",
  }),
  data: /** @type {Data | null} */ (null),
  layers: /** @type {EngineLayer[]} */ ([]),
  parameters: 0,
  /** Whether the engine has other data than those chosen. */
  sendsData: true,
  /** The weight whose update is shown. */
  weight: /** @type {{ layer: string, name: string, index: number } | undefined} */ (undefined),
  train: /** @type {CurvePoint[]} */ ([]),
  validation: /** @type {CurvePoint[]} */ ([]),
  /** Validation of another design, with which a guess is compared. */
  other: /** @type {CurvePoint[]} */ ([]),
  latest: /** @type {Progress | null} */ (null),
  pinned: 0,
  /** Whether a typed text is followed and no example. */
  isTyped: false,
  shownLayer: "",
  isRunning: false,
  failure: /** @type {{ key: string, values: Record<string, string | number> } | null} */ (null),
};

/** The data set that was chosen. */
export const choice = () => state.choices[state.chosen];

/** The data that the engine has; there are some once the page has begun. @returns {Data} */
export function dataOf() {
  if (!state.data) throw new Error("no data were chosen");
  return state.data;
}

/** Choose a data set, with a network that suits it. @param {number} which */
export function choose(which) {
  const isOther = state.data?.kind !== state.choices[which].kind;
  state.chosen = which;
  if (isOther) Object.assign(state.design, USUAL[choice().kind]);
  Object.assign(state, { pinned: 0, isTyped: false });
}

/** An engine of its own, which computes in a worker. @param {(message: any) => void} onMessage */
export function engine(onMessage) {
  const address = URL.createObjectURL(new Blob([byId("engine").textContent], { type: "text/javascript" }));
  const worker = new Worker(address);
  worker.onmessage = ({ data }) => onMessage(data);
  return worker;
}
