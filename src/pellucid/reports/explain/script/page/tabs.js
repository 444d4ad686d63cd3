// The views as tabs: forward, backward, and what drove the answer.
import { byId } from "../dom/element.js";
import { current } from "./state.js";
/** @import { View } from "../types.js" */

const allTabs = () => [
  .../** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[role=tab]")),
];

/** @param {View} view */
export function showView(view) {
  current.view = view;
  for (const tab of allTabs()) {
    const isOwn = tab.dataset.view === view;
    tab.setAttribute("aria-selected", isOwn ? "true" : "false");
    tab.tabIndex = isOwn ? 0 : -1;
  }
  for (const [id, isHidden] of Object.entries({
    "panel-network": view !== "forward" && view !== "backward",
    "panel-bound": view !== "bound",
    loss: view !== "backward",
  })) {
    const part = document.getElementById(id);
    if (part) part.hidden = isHidden;
  }
  byId("panel-drove").hidden = view !== "drove";
  document.body.dataset.view = view;
}

/**
 * Let clicks and arrow keys change the view.
 * @param {() => void} onView what is done once another view is shown
 */
export function startTabs(onView) {
  const tabs = allTabs();
  for (const tab of tabs) {
    tab.onclick = () => {
      showView(/** @type {View} */ (tab.dataset.view));
      onView();
    };
    tab.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      next.focus();
      next.click();
    };
  }
}
