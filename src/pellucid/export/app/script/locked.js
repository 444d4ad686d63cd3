// The page of a server that asks for a token: with it the page of the model, or its report, is fetched, and takes its place.
import { byId, element } from "../../../reports/explain/script/dom.js";
import { headersOf, keepToken, tokenKept } from "../../../reports/script/token.js";
import { say, startLanguage } from "./words/language.js";
/** @import { Word } from "./words/language.js" */

/** @param {Word} key */
function sayState(key) {
  byId("state").dataset.say = key;
  byId("state").textContent = say(key);
}

/** Ask for the page. @param {string} token */
async function unlock(token) {
  keepToken(token);
  const wanted = location.pathname.endsWith("/report") ? "api/report" : `api/page${location.search}`;
  const reply = await fetch(wanted, { headers: headersOf(token) }).catch(() => null);
  if (reply?.ok) {
    open(await reply.text());
    return;
  }
  if (reply?.status === 401) keepToken("");
  sayState(reply?.status === 401 ? "wrongToken" : "serverGone");
}

/** Put another page in the place of this one. @param {string} html of our own server */
function open(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  document.replaceChild(document.adoptNode(page.documentElement), document.documentElement);
  // A script that a parser made does not run; the policy of this page knows its checksum.
  for (const parsed of document.querySelectorAll("script:not([type])")) {
    parsed.replaceWith(element("script", {}, parsed.textContent));
  }
}

startLanguage(() => {});
byId("unlock").onsubmit = (event) => {
  event.preventDefault();
  void unlock(/** @type {HTMLInputElement} */ (byId("token")).value);
};
if (tokenKept()) void unlock(tokenKept());
