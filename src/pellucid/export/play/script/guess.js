// Predict first: two guesses before anything is shown, compared with what came.
import { button, byId, element } from "../../../reports/explain/script/dom.js";
import { dataOf, engine, state } from "./state.js";
import { worded } from "./words.js";
/** @import { CurvePoint } from "./state.js" */
/** @import { PlayWord } from "./words.js" */

/** Epochs after which a guess is compared with what came. */
const GUESSED_EPOCHS = 5;
/** How many times larger the learning rate of the second question is. */
const FASTER = 10;
/** Share of the loss by which it must differ to count as another one. */
const ALIKE = 0.1;
/** @type {PlayWord[]} */
const CHANGES = ["lower", "alike", "higher"];

/** @type {{ accuracy: number | null, change: PlayWord, isOver: boolean, worker: Worker | null, hasFailed: boolean }} */
const guessed = { accuracy: null, change: "alike", isOver: false, worker: null, hasFailed: false };

/** Forget the guess, and what was learning for it. */
export function forgetGuess() {
  guessed.worker?.terminate();
  Object.assign(guessed, { accuracy: null, isOver: false, worker: null, hasFailed: false });
  state.other = [];
  byId("play-compared").hidden = true;
}

export function showGuessFields() {
  const choices = CHANGES.map((each) => {
    const made = button(
      { class: "plain-button", "aria-pressed": String(each === guessed.change) },
      worded(each),
      () => {
        guessed.change = each;
        showGuessFields();
        byId("play-change").querySelectorAll("button")[CHANGES.indexOf(each)].focus();
      },
    );
    return made;
  });
  byId("play-change").replaceChildren(...choices);
}

/** The same network, learning faster, in an engine of its own. @param {number} most steps @param {() => void} onReport */
function learnFaster(most, onReport) {
  guessed.worker = engine(({ type, epoch: at, validation }) => {
    if (type === "progress" && validation) state.other.push({ at, ...validation });
    if (type === "failed") guessed.hasFailed = true;
    if (type === "failed" || type === "paused") {
      guessed.worker?.terminate();
      guessed.worker = null;
      compareGuess();
    }
    onReport();
  });
  const design = { ...state.design, rate: FASTER * state.design.rate };
  guessed.worker.postMessage({ do: "start", design, data: dataOf() });
  guessed.worker.postMessage({ do: "run", most });
}

/**
 * Keep the guess, begin anew and learn for some epochs.
 * @param {() => void} begin @param {(most: number) => void} run @param {() => void} onReport
 */
export function guess(begin, run, onReport) {
  begin();
  guessed.accuracy = Number(/** @type {HTMLInputElement} */ (byId("play-guess")).value) / 100;
  const most = GUESSED_EPOCHS * Math.ceil(dataOf().train.labels.length / state.design.batch);
  run(most);
  learnFaster(most, onReport);
}

/** The network has paused: its part of the comparison is there. */
export function endGuess() {
  if (guessed.accuracy !== null) guessed.isOver = true;
  compareGuess();
}

/** @param {CurvePoint} last */
function accuracyWords({ accuracy }) {
  const own = guessed.accuracy ?? 0;
  const [mine, reached] = [own, accuracy].map((each) => `${(100 * each).toFixed(1)} %`);
  const points = (100 * Math.abs(accuracy - own)).toFixed(1);
  const key = Math.abs(accuracy - own) < 0.02 ? "guessedWell" : accuracy > own ? "guessedLow" : "guessedHigh";
  return worded(key, { guessed: mine, reached, points });
}

/** @param {number} loss @param {number} faster */
function changeWords(loss, faster) {
  const came =
    guessed.hasFailed || faster > (1 + ALIKE) * loss
      ? "higher"
      : faster < (1 - ALIKE) * loss
        ? "lower"
        : "alike";
  const parts = {
    guessed: worded(guessed.change),
    came: worded(came),
    loss: loss.toFixed(3),
    faster: faster.toFixed(3),
  };
  const failed = guessed.change === "higher" ? "fasterFailedRight" : "fasterFailed";
  if (guessed.hasFailed) return worded(failed, parts);
  return worded(came === guessed.change ? "fasterRight" : "fasterWrong", parts);
}

/** Say what came of both guesses, once both networks are done. */
function compareGuess() {
  const last = state.validation[state.validation.length - 1];
  if (!guessed.isOver || guessed.worker || !last) return;
  const faster = state.other[state.other.length - 1]?.loss ?? NaN;
  byId("play-compared").hidden = false;
  byId("play-compared").replaceChildren(
    element("p", {}, accuracyWords(last)),
    element("p", {}, changeWords(last.loss, faster)),
  );
}

/** Say it again in another language. */
export const sayGuessAgain = () => compareGuess();
