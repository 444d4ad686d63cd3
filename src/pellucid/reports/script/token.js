// The token of a server that asks for one: kept for this visit, in this tab alone.

const TOKEN = "pellucid-token";

/** Empty where there is none, or the browser keeps nothing. */
export function tokenKept() {
  try {
    return sessionStorage.getItem(TOKEN) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} token empty to forget it */
export function keepToken(token) {
  try {
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  } catch {
    // The browser keeps nothing: the token is asked for again.
  }
}

/** Headers that show the token. @param {string} token @returns {Record<string, string>} */
export const headersOf = (token) => (token ? { authorization: `Bearer ${token}` } : {});
