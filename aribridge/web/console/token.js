const KEY = "aribridge.token";

/** The token: from the address's fragment, which never leaves the browser and is removed, or of this tab's session. */
export function takeToken() {
  const given = inAddress();
  if (given) {
    history.replaceState(null, "", location.pathname + location.search);
    keepToken(given);
  }
  return sessionStorage.getItem(KEY);
}

const inAddress = () => new URLSearchParams(location.hash.slice(1)).get("token");

export const hasToken = () => inAddress() !== null;
export const keepToken = (token) => sessionStorage.setItem(KEY, token);
export const dropToken = () => sessionStorage.removeItem(KEY);
