/**
 * The script of the site's pages: the theme's switch, and the search.
 *
 * @module
 */

import { Search } from "./search.ts";

const THEME = "dovewire-theme";
// Known while the script runs for the first time, and not later.
const root = (document.currentScript as HTMLScriptElement | null)?.dataset.root ?? "";

function startThemeSwitch(): void {
  const button = document.querySelector<HTMLButtonElement>("[data-theme-switch]");
  if (button === null) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const { theme } = document.documentElement.dataset;
    const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const chosen = isDark ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    localStorage.setItem(THEME, chosen);
  });
}

/** On narrow screens the navigation opens at the current page. */
function startNavigation(): void {
  const navigation = document.querySelector("#navigation");
  const show = (): void => {
    const current = navigation?.querySelector<HTMLElement>("[aria-current]");
    if (!navigation || !current) return;
    navigation.scrollTop = current.offsetTop - navigation.clientHeight / 3;
  };
  navigation?.addEventListener("toggle", show);
  show();
}

startThemeSwitch();
startNavigation();
new Search(root).start();
