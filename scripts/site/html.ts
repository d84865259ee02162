/**
 * Writes HTML: escaping, and the frame that all pages share.
 *
 * @module
 */

import type { Navigation } from "./navigation.ts";

/** Text as HTML, which can also stand in quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A page of the site. */
export interface Page {
  /** Path of its file in the site's folder. */
  readonly path: string;
  readonly title: string;
  /** Its content, as HTML. */
  readonly content: string;
  /** The content's headings, for the list beside it. */
  readonly headings: readonly Heading[];
  /** The path of the navigation's page that this one belongs to, if it isn't in the navigation itself. */
  readonly parent?: string;
}

/** A heading. */
export interface Heading {
  readonly id: string;
  readonly text: string;
  /** 2 for a section, 3 for a part of it. */
  readonly level: number;
}

/** The relative URL from a page to a file of the site, which may have an anchor. */
export function relativeUrl(from: string, to: string): string {
  const [path, anchor] = to.split("#", 2);
  const folders = from.split("/").slice(0, -1);
  const target = path.split("/");
  let common = 0;
  while (common < folders.length && folders[common] === target[common]) common++;
  const up = "../".repeat(folders.length - common);
  // A name with a colon would be taken for a scheme.
  const down = target.slice(common).map(encodeURIComponent).join("/");
  return `${up}${down}${anchor === undefined ? "" : `#${anchor}`}`;
}

/** Sets a chosen theme before anything is drawn. */
const SET_THEME =
  `document.documentElement.dataset.theme=localStorage.getItem("dovewire-theme")??""`;

/** A whole page. */
export function renderPage(page: Page, navigation: Navigation): string {
  const root = "../".repeat(page.path.split("/").length - 1);
  const title = page.path === "index.html" ? "dovewire" : `${page.title} · dovewire`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${root}site.css">
<script>${SET_THEME}</script>
<script src="${root}site.js" data-root="${root}" defer></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="bar">
<button class="menu" popovertarget="navigation" aria-label="Contents">☰</button>
<a class="brand" href="${root}index.html">dovewire</a>
<button class="search" data-search hidden>Search <kbd>/</kbd></button>
<button class="theme" data-theme-switch hidden aria-label="Light or dark">◐</button>
</header>
<div class="columns">
<nav id="navigation" class="navigation" aria-label="Contents" popover>
${navigation.render(page.path, page.parent)}
</nav>
<main id="content" class="content">
${page.content}
</main>
${renderHeadings(page.headings)}
</div>
</body>
</html>
`;
}

/** The list of a page's headings, unless it is too short to be of use. */
function renderHeadings(headings: readonly Heading[]): string {
  if (headings.length < 2) return "";
  const items = headings.map(({ id, text, level }) =>
    `<li class="level${level}"><a href="#${encodeURIComponent(id)}">${escapeHtml(text)}</a></li>`
  );
  return `<nav class="headings" aria-label="On this page">
<p>On this page</p>
<ul>
${items.join("\n")}
</ul>
</nav>`;
}
