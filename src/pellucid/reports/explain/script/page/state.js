// What the page shows: the view, and of a network the chosen layer, its pinned unit and weight.
/** @import { Pinned, View } from "../types.js" */

/** @type {{ view: View, pinned: Pinned | null }} pinned: null where the model has no network to open */
export const current = { view: "forward", pinned: null };
