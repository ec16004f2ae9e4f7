import { $ } from "./dom.js";

const KEY = "aribridge.theme";

/** Light or dark as the system has it, until the button says otherwise. */
export function startTheme() {
  set(localStorage.getItem(KEY));
  $("theme").addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    localStorage.setItem(KEY, next);
    set(next);
  });
}

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function set(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  $("theme").textContent = isDark() ? "Light" : "Dark";
}
