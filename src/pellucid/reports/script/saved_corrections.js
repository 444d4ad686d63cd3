// The table of corrections of a server that hands the report out.
import { byId } from "../explain/script/dom.js";
import { headersOf, tokenKept } from "./token.js";
import { tr } from "./tr.js";

/** Its address; empty where the report is a file. */
export const savedAt = () => byId("corrections-data").dataset.savedAt ?? "";

/** What it has, as CSV; `null` if the server does not answer. */
export async function savedTable() {
  const reply = await fetch(savedAt(), { headers: headersOf(tokenKept()) }).catch(() => null);
  return reply?.ok ? reply.text() : null;
}

/** Add a row: why it was not saved, empty if it was. @param {object} row */
export async function saveRow(row) {
  const headers = { ...headersOf(tokenKept()), "content-type": "application/json" };
  const asked = { method: "POST", headers, body: JSON.stringify(row) };
  const reply = await fetch(savedAt(), asked).catch(() => null);
  if (!reply) return tr("it does not answer");
  return reply.ok ? "" : String((await reply.json().catch(() => ({}))).error ?? reply.status);
}
