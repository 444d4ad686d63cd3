// The button that copies a calculation as text.
import { byId } from "../dom/element.js";

export function startCopying() {
  byId("copy").onclick = async () => {
    const text = byId("as-text");
    try {
      await navigator.clipboard.writeText(text.textContent ?? "");
      byId("said").textContent = "copied";
    } catch {
      // A page that was opened from a file may be refused the clipboard.
      const selection = getSelection();
      selection?.removeAllRanges();
      selection?.selectAllChildren(text);
      byId("said").textContent = "selected; copy it with the keyboard";
    }
  };
}
