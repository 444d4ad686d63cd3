// What a page says, in its language: from the catalogue, of which the page brings what its script says.

const TRANSLATIONS = /** @type {Record<string, string>} */ (
  JSON.parse(document.getElementById("translations")?.textContent ?? "{}")
);

/**
 * A message with its fields filled in. The message is written out where this is called: so it is found.
 * @param {string} message
 * @param {Record<string, unknown>} [fields]
 */
export function tr(message, fields = {}) {
  const text = TRANSLATIONS[message] ?? message;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(fields[name] ?? whole));
}
