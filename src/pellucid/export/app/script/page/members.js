// The members of an average: what each says, times its share of the weights, adds up to the answer.
import { byId } from "../../../../reports/explain/script/dom/element.js";
import { shown } from "../../../../reports/explain/script/dom/numbers.js";
import { sentence, tableOfRows } from "../decision/tables.js";
import { app } from "../facts/app.js";
import { say } from "../words/language.js";
/** @import { OpenedAnswer } from "../types.js" */

/** @param {OpenedAnswer} answer */
export function showMembers({ said, parts }) {
  if (app.members.length === 1) return;
  const best = app.classes.length ? said.indexOf(Math.max(...said)) : 0;
  const label = app.classes.length ? app.classes[best] : "";
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
  const tempers = app.classes.length > 0 && app.temperature !== 1;
  const after = { temperature: shown(app.temperature, 4), probability: shown(said[best], 4) };
  const onOpened = app.members.filter(({ body }) => body === app.opened);
  const { name: opened } = onOpened.find(({ predictor }) => !predictor) ?? onOpened[0];
  const layersOfMember = document.getElementById("glass-of");
  if (layersOfMember) layersOfMember.textContent = say("layersOf", { name: opened });
  byId("members").hidden = false;
  byId("member-terms").replaceChildren(
    sentence(app.classes.length ? "membersSum" : "membersNumber", { sum, label }),
    tableOfRows("membersTitle", ["columnMember", "columnSays", "columnShare", "columnAdds"], rows),
    ...(tempers ? [sentence("membersTempered", after)] : []),
  );
}
