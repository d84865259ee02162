/**
 * The parts of the site of the documentation: Markdown, links, pages of `deno doc`, dead links. `deno task
 * test:docs` builds all of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { REPOSITORY } from "../../scripts/npm/manifest.ts";
import { ApiSite, readSymbols } from "../../scripts/site/api.ts";
import { findDeadLinks } from "../../scripts/site/check_links.ts";
import { type DocumentLinks, renderDocument } from "../../scripts/site/document.ts";
import { escapeHtml, relativeUrl, renderPage } from "../../scripts/site/html.ts";
import { SiteLinks } from "../../scripts/site/links.ts";
import { documentGroups, DOCUMENTS, Navigation } from "../../scripts/site/navigation.ts";
import { searchScript } from "../../scripts/site/search_index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Links that stay as they are. */
const plainLinks: DocumentLinks = { resolve: (_, target) => target, resolveCode: () => undefined };

const documents = new Set(Object.values(DOCUMENTS).flatMap((group) => Object.keys(group)));
const links = new SiteLinks({
  ...{ root, documents },
  symbols: new Map([["Driver", "api/dovewire/transports/~/Driver.html"], [
    "connect",
    "api/c.html",
  ]]),
});

test("the site's navigation › a document in docs/ › has one place", () => {
  const places = Object.values(DOCUMENTS).flatMap((group) => Object.keys(group));
  assert.equal(new Set(places).size, places.length);
  for (const name of readdirSync(`${root}/docs`)) {
    if (name.endsWith(".md")) assert(documents.has(`docs/${name}`), `docs/${name} has no place`);
  }
});

test("the site's navigation › the current page › is marked, and the page that a page belongs to", () => {
  const navigation = new Navigation(documentGroups());
  const current = navigation.render("docs/client.html");
  assert.match(current, /<a href="client.html" aria-current="page">Client<\/a>/);
  assert.match(current, /<a href="..\/index.html">Overview<\/a>/);
  assert.equal(current.match(/aria-current/g)?.length, 1);
  assert.match(
    navigation.render("docs/x.html", "docs/imap.html"),
    /imap.html" aria-current="true"/,
  );
});

test("a relative URL › between folders › has the shortest way, encoded", () => {
  assert.equal(relativeUrl("index.html", "docs/client.html#a"), "docs/client.html#a");
  assert.equal(relativeUrl("docs/client.html", "index.html"), "../index.html");
  assert.equal(relativeUrl("a/b/c.html", "a/d.html"), "../d.html");
  assert.equal(relativeUrl("a/b.html", "a/b.html#c"), "b.html#c");
  assert.equal(relativeUrl("a.html", "b c?.html"), "b%20c%3F.html");
});

test("HTML › text with its characters › is escaped, also in quotes", () => {
  assert.equal(escapeHtml(`<a b="c" d='e'>&`), "&#60;a b=&#34;c&#34; d=&#39;e&#39;&#62;&#38;");
  const page = { path: "x.html", title: "<script>", content: "", headings: [] };
  assert.match(renderPage(page, new Navigation([])), /<title>&#60;script&#62; · dovewire<\/title>/);
});

test("a document › its headings › have GitHub's anchors, numbered if they repeat", () => {
  const page = renderDocument("x.md", "# A `b()` & <c>\n\n## Twice\n\n## Twice\n", plainLinks);
  assert.deepEqual(page.headings.map(({ id }) => id), ["twice", "twice-1"]);
  assert.match(page.content, /<h1 id="a-b--c">/);
  assert.equal(page.title, "A b() & <c>");
});

test("a document › HTML in it › is shown as text", () => {
  const source =
    "# X\n\n<script>alert(1)</script>\n\na <b onclick=x>c</b>\n\n`<i>`\n\n```ts\n'<u>'\n```\n";
  const { content } = renderDocument("x.md", source, plainLinks);
  assert.doesNotMatch(content, /<(?:script|b|i|u)[ >]/);
});

test("a document › a table › gets a box that scrolls, with links in its cells", () => {
  const { content } = renderDocument("x.md", "| a |\n| - |\n| [b](c.md) `D` |\n", {
    resolve: () => "c.html",
    resolveCode: () => "d.html",
  });
  assert.match(content, /^<div class="table" tabindex="0"><table>/);
  assert.match(content, /<a href="c.html">b<\/a> <a href="d.html"><code>D<\/code><\/a>/);
});

test("a document › its parts › are found by the search, with their text", () => {
  const page = renderDocument(
    "docs/x.md",
    "# X\n\none\n\n## Y `z`\n\ntwo [three](four)\n",
    plainLinks,
  );
  assert.deepEqual(page.sections, [
    { title: "X", place: "", url: "docs/x.html", text: "one" },
    { title: "Y z", place: "X", url: "docs/x.html#y-z", text: "two three" },
  ]);
});

test("links of documents › to documents, sources and the web › go to pages, the repository, the web", () => {
  const resolve = (target: string) => links.resolve("docs/client.md", target);
  assert.equal(resolve("imap.md#the-relay"), "imap.html#the-relay");
  assert.equal(resolve("../README.md"), "../index.html");
  assert.equal(resolve("../bench/README.md"), "../bench/index.html");
  assert.equal(resolve(`${REPOSITORY}/blob/main/docs/http.md#x`), "http.html#x");
  assert.equal(resolve("../core/protocol.ts"), `${REPOSITORY}/blob/main/core/protocol.ts`);
  assert.equal(resolve("../examples/"), `${REPOSITORY}/tree/main/examples/`);
  assert.equal(resolve("https://dovecot.org/#x"), "https://dovecot.org/#x");
  assert.equal(resolve("#here"), "#here");
});

test("links of documents › code that names a symbol or a file › goes to its page or the repository", () => {
  const resolve = (code: string) => links.resolveCode("docs/client.md", code);
  assert.equal(resolve("Driver"), "../api/dovewire/transports/~/Driver.html");
  assert.equal(resolve("connect()"), "../api/c.html");
  assert.equal(resolve("core/protocol.ts"), `${REPOSITORY}/blob/main/core/protocol.ts`);
  assert.equal(resolve("docs/http.md"), "http.html");
  for (const code of ["connect", "Unknown", "core/none.ts", "../x.ts", "constructor", "Driver x"]) {
    assert.equal(resolve(code), undefined, code);
  }
});

/** Pages in the form of `deno doc`. */
function docPage(main: string): string {
  return `<html><div id="content"><main>${main}</main></div></html>`;
}

const title = (kind: string, name: string) =>
  `<div class="symbolTitle"><div class="text-2xl"><span class="text-${kind}">${kind}</span>` +
  `<span class="font-bold">${name}</span></div>` +
  '<a class="sourceButton" href="file:///p/core/x.ts"></a></div>';

const entry = (id: string, name: string) =>
  `<div class="anchorable docEntry" id="${id}"><div class="docEntryHeader"><code>` +
  `<a href="#${id}" class="anchor"><svg>x</svg></a><span class="font-bold">${name}</span>` +
  "</code></div></div>";

const symbol = (name: string, kind: string, file = ".") => ({
  ...{ name, kind: [{ title: kind }], file, doc: "It is." },
  url: `././~/${name}.html`,
});

const api = new ApiSite({
  name: "@dovewire/dovewire",
  symbols: [
    symbol("Pool", "Class"),
    symbol("Pool", "Class"),
    symbol("Pool.prototype.run", "Method"),
    symbol("q.and", "Function"),
  ],
  pages: new Map([
    ["index.html", docPage('<div id="module_doc"><div class="markdown"><p>All.</p></div></div>')],
    [
      "~/Pool.html",
      docPage(
        `<div class="symbolGroup">${title("Class", "Pool")}<div class="markdown"><p>Has ` +
          '<a href="../././~/Pool.prototype.run.html">run</a>, <a href="#type_param_x">x</a>.</p>' +
          '<table><tr><td>1</td></tr></table><pre class="highlight">' +
          '<code class="language-ts">const a = "&lt;b&gt;";\n</code><button>copy</button></pre>' +
          `</div>${entry("method_run_0", "run")}</div>`,
      ),
    ],
    ["~/Pool.prototype.run.html", docPage(title("Method", "Pool.prototype.run"))],
    [
      "~/Pool.prototype.html",
      '<meta http-equiv="refresh" content="0; url=..&#x2F;.&#x2F;~&#x2F;Pool.html" />',
    ],
    ["~/q.html", docPage(title("Namespace", "q"))],
    ["~/q.and.html", docPage(title("Function", "q.and"))],
  ]),
}, ["."]);
const sections = api.sections();
const pages = new Map(
  api.pages((file) => file.replace("file:///p/", "https://example.org/")).map((
    it,
  ) => [it.path, it]),
);

test("the API › a member of a class › is a place on the page of the class", () => {
  assert.deepEqual([...pages.keys()].sort(), [
    "api/dovewire/index.html",
    "api/dovewire/~/Pool.html",
    "api/dovewire/~/q.and.html",
    "api/dovewire/~/q.html",
  ]);
  assert.deepEqual(sections.map(({ title }) => title), ["Pool", "Pool.run", "q.and"]);
  assert.equal(sections[1].url, "api/dovewire/~/Pool.html#method_run_0");
  assert.match(
    pages.get("api/dovewire/~/Pool.html")!.content,
    /<a href="Pool.html#method_run_0">run</,
  );
});

test("the API › a page of a symbol › has its import, its source, and no style of deno doc", () => {
  const { content, title, parent } = pages.get("api/dovewire/~/Pool.html")!;
  assert.deepEqual([title, parent], ["Pool", "api/dovewire/index.html"]);
  assert.match(content, /<h1><small>Class<\/small> Pool<\/h1>/);
  assert.match(content, /@dovewire\/dovewire/);
  assert.match(content, /<a href="https:\/\/example.org\/core\/x.ts">Source</);
  assert.doesNotMatch(content, /svg|symbolTitle|font-bold|file:|type_param_x/);
});

test("the API › tables and code of doc comments › scroll by themselves, the code highlighted", () => {
  const { content } = pages.get("api/dovewire/~/Pool.html")!;
  assert.match(content, /<div class="table" tabindex="0"><table>/);
  const string = '<span class="hljs-string">&quot;&lt;b&gt;&quot;</span>;</code></pre>';
  assert(content.includes(`<span class="hljs-keyword">const</span> a = ${string}`), content);
  assert.doesNotMatch(content, /<button/);
});

test("the API › a page of an entry › lists what it exports", () => {
  const { content } = pages.get("api/dovewire/index.html")!;
  assert.match(content, /<p>All.<\/p>/);
  assert.match(
    content,
    /<dt><a href="~\/Pool.html"><code>Pool<\/code><\/a><\/dt><dd>Has run, x.<\/dd>/,
  );
});

test("the API › pages in another form › are refused, with the file to change", () => {
  assert.throws(() => readSymbols("no index"), /change scripts\/site\/api.ts/);
  const packageOf = (html: string) => ({
    name: "x",
    symbols: [],
    pages: new Map([["a.html", html]]),
  });
  assert.throws(
    () => new ApiSite(packageOf("<p>"), ["."]),
    /change scripts\/site\/api_document.ts/,
  );
});

/** The dead links of a site of these pages. */
function deadLinks(pages: Readonly<Record<string, string>>): readonly string[] {
  return findDeadLinks({
    pages: new Map(Object.entries(pages)),
    files: new Set(["site.css", "docs/a.png"]),
    isInRepository: (path) => path === "core/mod.ts",
  });
}

test("dead links › files and anchors that don't exist › are named with the page", () => {
  const pages = {
    "index.html": '<a href="docs/a.html#b">x</a> <a href="docs/c.html">x</a> <a href="#d">x</a>',
    "docs/a.html":
      '<p id="b"></p><a href="../index.html">x</a><a href="#e%20f">x</a><p id="e f"></p>',
    "docs/b.html": '<a href="a.html#none">x</a><img src="a.png"><img src="z.png"><a href="">x</a>',
  };
  assert.deepEqual(deadLinks(pages), [
    "index.html: docs/c.html: there is no such file",
    "index.html: #d: index.html has no such anchor",
    "docs/b.html: a.html#none: docs/a.html has no such anchor",
    "docs/b.html: #(empty): docs/b.html has no such anchor",
    "docs/b.html: z.png: there is no such file",
  ]);
});

test("dead links › external links › must be addresses of web pages, and files of the repository exist", () => {
  const dead = (link: string) => deadLinks({ "index.html": `<a href="${link}">x</a>` }).length;
  for (const link of ["https://dovecot.org/x#y", "mailto:a@example.org"]) {
    assert.equal(dead(link), 0);
  }
  assert.equal(dead(`${REPOSITORY}/blob/main/core/mod.ts`), 0);
  for (
    const link of [
      ...["https://", "https://localhost/x", "file:///etc/passwd", "javascript:alert(1)"],
      ...["/docs/a.html", "//example.org/x", `${REPOSITORY}/blob/main/core/none.ts`],
    ]
  ) assert.equal(dead(link), 1, link);
});

test("dead links › what a page loads › is never from the network", () => {
  const load = (html: string) => deadLinks({ "index.html": html }).length;
  assert.equal(load('<link rel="stylesheet" href="site.css"><link rel="icon" href="data:,">'), 0);
  for (
    const html of [
      '<script src="https://example.org/x.js"></script>',
      '<link rel="stylesheet" href="https://example.org/x.css">',
      '<img src="//example.org/x.png">',
    ]
  ) assert.equal(load(html), 1, html);
});

test("the search's script › any text in it › is data", () => {
  const section = { title: "a\u2028b", place: "c", url: "d", text: '"</script>\\' };
  let rows: unknown;
  new Function("dovewireSearch", searchScript([section]))((it: unknown) => rows = it);
  assert.deepEqual(rows, [["a b", "c", "d", '"</script>\\']]);
});
