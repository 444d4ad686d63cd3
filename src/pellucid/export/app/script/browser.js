// The page as what answers: its model run in the browser, with every member, layer and decision of it opened.
import { byId, shown } from "../../../reports/explain/script/dom.js";
import { keep } from "../../../reports/explain/script/page_data.js";
import { answered } from "./answer.js";
import { app } from "./app.js";
import { decision } from "./decision.js";
import { sentence, showDecision, tableOfRows } from "./opened_models.js";
import { showNetwork } from "./living.js";
import { opening } from "./opening.js";
import { say } from "./words/language.js";
/** @import { InputKind, OpenedAnswer, Way } from "./types.js" */

// The members of an average: what each says, times its share of the weights, adds up to the answer.

/** @param {OpenedAnswer} answer */
function showMembers({ said, parts }) {
  if (app.members.length === 1) return;
  const best = decision.explained(said);
  const label = app.classes[best] ?? "";
  const whole = app.members.reduce((sum, { weight }) => sum + weight, 0);
  const adds = app.members.map(({ share }, place) => share * parts[place].said[best]);
  /** @type {[string, string, string, string][]} */
  const rows = app.members.map(({ name, weight }, place) => [
    name,
    shown(parts[place].said[best], 4),
    `${weight} / ${whole}`,
    shown(adds[place], 4),
  ]);
  const sum = shown(
    adds.reduce((total, each) => total + each, 0),
    4,
  );
  const tempered = app.temperature === 1 ? null : decision.words.tempered;
  const after = { temperature: shown(app.temperature, 4), probability: shown(said[best], 4) };
  const onOpened = app.members.filter(({ body }) => body === app.opened);
  const { name: opened } = onOpened.find(({ predictor }) => !predictor) ?? onOpened[0];
  const layersOfMember = document.getElementById("glass-of");
  if (layersOfMember) layersOfMember.textContent = say("layersOf", { name: opened });
  byId("members").hidden = false;
  byId("member-terms").replaceChildren(
    sentence(decision.words.members, { sum, label }),
    tableOfRows("membersTitle", ["model", "columnSays", "columnShare", "columnAdds"], rows),
    ...(tempered ? [sentence(tempered, after)] : []),
  );
}

// The model as what answers inputs of a kind.

/** Whether something below the bars explains a single label: words, members or a classical model. */
const isExplained =
  app.members.length > 1 ||
  document.getElementById("drove") !== null ||
  app.members.some(({ predictor }) => predictor?.opened);

/** @template Ready @param {InputKind<Ready>} kind @returns {Way<Ready, OpenedAnswer>} */
export function inBrowser(kind) {
  /** @param {Ready} ready */
  const answer = (ready) => {
    const found = answered(kind, ready);
    kind.answered?.(ready);
    return found;
  };
  return {
    isExplained,
    opens: "opening",
    async start() {
      for (const [name, tensor] of await opening.weights(app.tensors)) keep(name, tensor);
    },
    answer,
    show(found, ready, label) {
      showMembers(found);
      showNetwork(found, label);
      kind.pictured?.(ready, found);
      showDecision(found, kind.words);
    },
    hide() {
      for (const id of ["members", "decision"]) {
        const part = document.getElementById(id);
        if (part) part.hidden = true;
      }
    },
    open: (ready) => showNetwork(answer(ready), null),
    inputs: (ready) => Array.from(kind.inputs(ready, app.bodies[app.opened], false).data),
  };
}
