// The strip of layers: a thumbnail and a button for each, walked by the arrow keys.
import { value } from "../arithmetic/values.js";
import { shownLayers } from "../data/told.js";
import { thumbnail } from "../drawing/thumbnail.js";
import { rememberPlace } from "./address.js";
import { chooseLayer, stripButtons } from "./pinning.js";
import { current } from "./state.js";
/** @import { Layer } from "../types.js" */

/** @type {Record<string, number>} */
const STRIP_KEYS = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 };

export function startStrip() {
  const buttons = [...stripButtons()];
  shownLayers.forEach((layer, at) => {
    const button = buttons[at];
    const canvas = button.querySelector("canvas");
    if (canvas) thumbnail(canvas, value(layer.name));
    button.onclick = () => choose(layer);
    button.onkeydown = (event) => {
      const step = STRIP_KEYS[event.key];
      if (!step || !current.pinned) return;
      event.preventDefault();
      const asked = shownLayers.indexOf(current.pinned.layer) + step;
      const next = Math.min(shownLayers.length - 1, Math.max(0, asked));
      choose(shownLayers[next]);
      buttons[next].focus();
    };
  });
}

/** @param {Layer} layer */
function choose(layer) {
  chooseLayer(layer, null);
  rememberPlace();
}
