// The server as what answers: it is asked about the original file or text, and what drove the answer where wanted.
import { byId, shown } from "../../../reports/explain/script/dom.js";
import { app } from "./app.js";
import { decision } from "./decision.js";
import { headersOf, keepToken, tokenKept } from "../../../reports/script/token.js";
import { reasonOf, say, spoken } from "./words/language.js";
/** @import { Answer, Way } from "./types.js" */
/** @import { Word } from "./words/language.js" */

/** What is said of an answer that is none, by its status. @type {Record<number, Word>} */
const REFUSALS = {
  400: "serverUnreadable",
  408: "serverSlow",
  413: "serverTooLarge",
  415: "serverWrongKind",
  422: "serverUnusable",
  503: "serverBusy",
};

/** How often a server that is busy is asked again, and the longest wait in seconds before that. */
const [MOST_TRIES, LONGEST_WAIT] = [4, 5];

/** What to send, and its type. @typedef {{ body: Blob | string, type: string }} Question */

/**
 * The document of a reply.
 * @param {"predict" | "explain"} what @param {Question} question @returns {Promise<Record<string, any>>}
 */
async function askServer(what, { body, type }) {
  const headers = { "content-type": type, ...headersOf(tokenKept()) };
  const address = `api/${what}${app.served?.query ?? ""}`;
  for (let tries = 1; ; tries += 1) {
    const reply = await fetch(address, { method: "POST", headers, body }).catch(() => {
      throw spoken("serverGone");
    });
    if (reply.ok) return reply.json();
    if (reply.status === 401) {
      keepToken("");
      location.reload(); // to the page that asks for the token
    }
    if (reply.status !== 503 || tries === MOST_TRIES) throw await refusalOf(reply);
    const wait = Math.min(LONGEST_WAIT, Number(reply.headers.get("retry-after")) || 1);
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
  }
}

/** Why there is no answer, with the server's own sentence. @param {Response} reply */
async function refusalOf(reply) {
  const text = await reply.text();
  let reason = text.trim();
  try {
    reason = String(JSON.parse(text).error ?? reason);
  } catch {
    // A plain sentence.
  }
  return spoken(REFUSALS[reply.status] ?? "serverFailed", { reason, status: reply.status });
}

/** @param {Record<string, any>} found @returns {Answer} */
function answerOf(found) {
  return { said: decision.served(found), novelty: found.novelty ?? null, warning: found.warning };
}

// What drove the answer, once somebody has asked for it: from then on it follows every answer.

/** Milliseconds without a change after which the server is asked. */
const PAUSE = 300;

/**
 * Whether it is asked for; `turn` is that of the last question, whose answer alone is shown.
 * @type {{ isWanted: boolean, turn: number, timer: ReturnType<typeof setTimeout> | undefined }}
 */
const drove = { isWanted: false, turn: 0, timer: undefined };

/** What is explained, of the whole input and of nothing of it. @param {Record<string, any>} found */
function droveText({ explained, score, baseline }) {
  const parts = { score: shown(score, 4), baseline: shown(baseline, 4) };
  return explained === null ? say("droveOfNumber", parts) : say("droveOf", { ...parts, label: explained });
}

/**
 * The server as what answers inputs.
 * @template Ready
 * @param {(ready: Ready) => Promise<Question>} questionOf
 * @param {(found: Record<string, any>, ready: Ready) => void} paint what the server found to have driven an answer
 * @returns {Way<Ready, Answer>}
 */
export function byServer(questionOf, paint) {
  /** @param {Ready} ready */
  const explain = async (ready) => {
    drove.turn += 1;
    const { turn } = drove;
    byId("drove-state").textContent = say("droveAsking");
    try {
      const found = await askServer("explain", await questionOf(ready));
      if (turn !== drove.turn) return;
      byId("explained").hidden = false;
      byId("drove-state").textContent = "";
      byId("drove-of").textContent = droveText(found);
      paint(found, ready);
    } catch (error) {
      if (turn === drove.turn) byId("drove-state").textContent = reasonOf(error);
    }
  };
  return {
    isExplained: false,
    opens: "ready",
    start: async () => {},
    answer: async (ready) => answerOf(await askServer("predict", await questionOf(ready))),
    show(_, ready) {
      byId("drove").hidden = false;
      const button = byId("explain");
      button.onclick = () => {
        drove.isWanted = !drove.isWanted;
        button.setAttribute("aria-expanded", String(drove.isWanted));
        button.dataset.say = drove.isWanted ? "explainLess" : "explain";
        button.textContent = say(drove.isWanted ? "explainLess" : "explain");
        if (drove.isWanted) void explain(ready);
        else byId("explained").hidden = true;
      };
      clearTimeout(drove.timer);
      drove.turn += 1;
      if (drove.isWanted) drove.timer = setTimeout(() => void explain(ready), PAUSE);
    },
    hide() {
      clearTimeout(drove.timer);
      drove.turn += 1;
      byId("drove").hidden = true;
    },
    open: () => {},
  };
}
