// What the page holds deflated, its documents first: nothing else begins before they are opened.
import { byId } from "../../../../reports/explain/script/dom/element.js";

/** @typedef {{ resolve: (page: object) => void, reject: (reason: Error) => void }} Beginning */

/** @type {Beginning} what others hear who wait for the page */
export const beginning = { resolve() {}, reject() {} };
const isReady = new Promise((resolve, reject) => {
  Object.assign(beginning, { resolve, reject });
});
Object.assign(globalThis, { pellucid: { ready: isReady } });

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytesOfBase64(text) {
  const { fromBase64 } = /** @type {{ fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }} */ (
    Uint8Array
  );
  if (fromBase64) return fromBase64(text); // four times as fast as what follows, where a browser has it
  const plain = atob(text);
  const bytes = new Uint8Array(plain.length);
  for (let at = 0; at < plain.length; at += 1) bytes[at] = plain.charCodeAt(at);
  return bytes;
}

/**
 * What an element holds, inflated; the element is emptied.
 * @param {string} id
 */
export function inflated(id) {
  const holder = byId(id);
  const packed = bytesOfBase64(holder.textContent.trim());
  holder.textContent = "";
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")));
}

/** Put documents and parts of the page where they belong; both were written, and escaped, with the page. */
async function openDocuments() {
  const { documents, parts } = await inflated("documents").json();
  for (const [id, text] of Object.entries(documents)) byId(id).textContent = text;
  for (const [id, html] of Object.entries(parts)) {
    byId(id).replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  }
}

if (typeof DecompressionStream !== "function") {
  byId("too-old").hidden = false;
  throw new Error("this browser has no DecompressionStream");
}
await openDocuments();
