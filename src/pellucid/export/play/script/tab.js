// The part that trains as a tab of a model's page, whose own script shows it: it starts when first shown,
// with the data of the run.
import { startTraining } from "./training.js";

let isStarted = false;

document.addEventListener("viewchange", () => {
  if (isStarted || document.body.dataset.view !== "play") return;
  isStarted = true;
  Object.assign(globalThis, {
    pellucidPlay: { ready: startTraining(({ kind }) => kind !== "points") },
  });
});
