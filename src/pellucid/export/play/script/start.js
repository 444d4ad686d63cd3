// The page that holds the part that trains, and nothing else.
import { byId, isChinese } from "../../../reports/explain/script/dom.js";
import { startTraining } from "./training.js";

/** @param {boolean} isWanted */
function speak(isWanted) {
  document.documentElement.lang = isWanted ? "zh-CN" : "en";
}

document.documentElement.classList.add("scripted");
speak(isChinese() || navigator.language.toLowerCase().startsWith("zh"));
byId("language").onclick = () => {
  speak(!isChinese());
  document.dispatchEvent(new Event("languagechange"));
};
Object.assign(globalThis, { pellucidPlay: { ready: startTraining() } });
