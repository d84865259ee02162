/**
 * A page of `deno doc --html`.
 *
 * @module
 */

import { type CheerioAPI, load } from "cheerio/slim";
import { breakable } from "./document.ts";
import type { ListedSymbol } from "./api.ts";
import { highlight } from "./highlight.ts";
import { escapeHtml, type Heading, type Page, relativeUrl } from "./html.ts";

/** What a page of the site needs besides the page of `deno doc`. */
export interface ApiPageOptions {
  /** Its path in the site. */
  readonly path: string;
  /** What programs import the entry by. */
  readonly specifier: string;
  /** The path of the entry's page, for the page of a symbol. */
  readonly index?: string;
  /** The symbols of the entry, for its page. */
  readonly listed: readonly ListedSymbol[];
  /** The path in the site that a link leads to. */
  readonly resolve: (target: string) => string;
  /** The address of a source file, given its URL. */
  readonly sourceUrl: (file: string) => string;
}

/** The classes of `deno doc` that the stylesheet has; the others say how it looks there. */
const CLASSES =
  /^(?:anchor|docEntry|docEntryHeader|example-header|hljs-\w+|markdown|ml-4|name|namespaceItem\w*|signature|table|tag|td-\w+)$/;

/** Plurals of the kinds, in the order of an entry's page. */
const KINDS: readonly (readonly [string, string])[] = [
  ["Function", "Functions"],
  ["Class", "Classes"],
  ["Namespace", "Namespaces"],
  ["Variable", "Variables"],
  ["Interface", "Interfaces"],
  ["Type Alias", "Types"],
];

/** A page of `deno doc --html`. */
export class ApiDocument {
  /** Its path. */
  readonly path: string;
  /** The ids of the members on it, by their names. */
  readonly members: ReadonlyMap<string, string>;
  /** The first paragraph of the documentation, as HTML without links. */
  readonly summary: string;
  readonly #page: CheerioAPI;

  /** Parses it; throws if it is not as this version of Deno writes it. */
  constructor(path: string, html: string) {
    this.path = path;
    // Icons are two thirds of it.
    this.#page = load(html.replace(/<svg.*?<\/svg>/gs, ""));
    if (this.#page("#content main").length !== 1) {
      throw new Error(`${path} of deno doc has another form: change scripts/site/api_document.ts.`);
    }
    this.members = this.#findMembers();
    this.summary = this.#findSummary();
  }

  /** The entry point that it belongs to: "." or "core/imap". */
  get entry(): string {
    return this.path.replace(/(?:^|\/)(?:~\/.*|index\.html)$/, "") || ".";
  }

  /** Whether it is of a namespace. */
  get isNamespace(): boolean {
    return this.#page(".symbolTitle .text-Namespace").length > 0;
  }

  /** The page of the site. To be called once: it changes what was parsed. */
  toPage(options: ApiPageOptions): Page {
    const { path, specifier, index, listed } = options;
    const $ = this.#page;
    const headings = this.#headings();
    const main = $("#content main");
    this.#replaceLinks(options);
    this.#replaceCode();
    const kind = main.find(".symbolTitle .text-2xl > span").first().text();
    const name = main.find(".symbolTitle .text-2xl > .font-bold").first().text();
    const source = main.find(".symbolTitle .sourceButton").first().attr("href");
    const subtitle = main.find(".symbolSubtitle").first().html() ?? "";
    main.find(".symbolTitle").first().remove();
    main.find("*").each((_, element) => {
      const kept = ($(element).attr("class") ?? "").split(" ").filter((it) => CLASSES.test(it));
      if (kept.length > 0) $(element).attr("class", kept.join(" "));
      else $(element).removeAttr("class");
      if (element.attribs.id === "") $(element).removeAttr("id");
    });
    if (index === undefined) {
      const about = main.find("#module_doc > .markdown").first().html() ?? "";
      const list = renderList(path, listed);
      return {
        ...{ path, title: specifier },
        content: `<h1>${breakable(specifier)}</h1>\n${about}\n${list.html}`,
        headings: list.headings,
      };
    }
    const body = main.html() ?? "";
    const isType = kind === "interface" || kind === "type alias";
    const root = name.split(".")[0];
    const line = `import { ${isType ? "type " : ""}${root} } from "${specifier}";`;
    const content = [
      `<p class="place"><a href="${relativeUrl(path, index)}">${breakable(specifier)}</a></p>`,
      `<h1><small>${escapeHtml(kind)}</small> ${breakable(name)}</h1>`,
      subtitle === "" ? "" : `<p class="extends">${subtitle}</p>`,
      `<pre tabindex="0"><code>${highlight(line, "ts")}</code></pre>`,
      body,
      source === undefined ? "" : `<p class="source"><a href="${source}">Source</a></p>`,
    ];
    return { path, title: name, content: content.join("\n"), headings, parent: index };
  }

  #findMembers(): ReadonlyMap<string, string> {
    const $ = this.#page;
    const members = $(".docEntry[id]").toArray().map((entry) => {
      const name = $(entry).find(".docEntryHeader .font-bold").first().text();
      return [name, $(entry).attr("id")!] as const;
    });
    // Of overloads the first one.
    return new Map(members.reverse());
  }

  #findSummary(): string {
    const $ = this.#page;
    const paragraph = $(".symbolGroup .markdown > p").first().clone();
    paragraph.find("a").replaceWith((_, link) => $(link).contents());
    return paragraph.html() ?? "";
  }

  /** The headings, and the members under them. */
  #headings(): readonly Heading[] {
    const $ = this.#page;
    const seen = new Set<string>();
    return $(".documentNavigation a").toArray().flatMap((link) => {
      const id = decodeURIComponent($(link).attr("href")!.slice(1));
      if (seen.has(id)) return [];
      seen.add(id);
      const level = $(link).parentsUntil(".documentNavigation", "ul").length;
      return { id, text: $(link).text(), level: Math.min(level + 1, 3) };
    });
  }

  #replaceLinks({ path, resolve, sourceUrl }: ApiPageOptions): void {
    const $ = this.#page;
    const ids = new Set($("[id]").toArray().map((element) => $(element).attr("id")));
    $("#content main a").each((_, element) => {
      const link = $(element);
      const target = link.attr("href") ?? "";
      link.removeAttr("tabindex");
      if (target.startsWith("file:")) {
        link.attr("href", sourceUrl(target));
        if (link.closest(".symbolTitle").length === 0) link.remove();
      } else if (link.hasClass("anchor")) {
        link.empty();
      } else if (target.startsWith("#type_param_") && !ids.has(target.slice(1))) {
        // The parameter of a mapped type, which deno doc links to and doesn't list.
        link.replaceWith(link.contents());
      } else if (!/^[a-z][a-z0-9+.-]*:/i.test(target) && !target.startsWith("#")) {
        link.attr("href", relativeUrl(path, resolve(target)));
      }
    });
    $("#content main .font-bold").each((_, element) => {
      $(element).html(breakable($(element).text())).addClass("name");
    });
    $("#content main .scroll-mt-16 > code").addClass("signature");
    // Links stand after what they are to.
    $("#content main h2 > a.anchor").each((_, element) => {
      $(element).parent().append($(element));
    });
    $("#content main .docEntryHeader .space-x-1 > div").addClass("tag");
  }

  #replaceCode(): void {
    const $ = this.#page;
    $("#content main pre").each((_, element) => {
      const code = $(element).find("code").first();
      const language = /language-(\w+)/.exec(code.attr("class") ?? "")?.[1] ?? "";
      const text = code.text().replace(/\n$/, "");
      $(element).replaceWith(
        `<pre tabindex="0"><code>${highlight(text, language)}</code></pre>`,
      );
    });
    $("#content main .markdown :not(pre) > code").each((_, element) => {
      $(element).html(breakable($(element).text()));
    });
    $("#content main table").wrap('<div class="table" tabindex="0"></div>');
  }
}

/** The list of an entry's symbols, by their kinds. */
function renderList(
  page: string,
  listed: readonly ListedSymbol[],
): { readonly html: string; readonly headings: readonly Heading[] } {
  const kinds = KINDS.map(([kind, plural]) => ({
    heading: { id: plural.toLowerCase(), text: plural, level: 2 },
    symbols: listed.filter((it) => it.kind === kind),
  })).filter(({ symbols }) => symbols.length > 0);
  const left = listed.find(({ kind }) => !KINDS.some(([name]) => name === kind));
  if (left !== undefined) throw new Error(`${left.name} is a ${left.kind}: add it to KINDS.`);
  const html = kinds.map(({ heading, symbols }) => {
    const items = symbols.map(({ name, path, summary }) =>
      `<dt><a href="${relativeUrl(page, path)}"><code>${breakable(name)}</code></a></dt>` +
      `<dd>${summary}</dd>`
    );
    return `<h2 id="${heading.id}">${heading.text}</h2>\n<dl class="symbols">\n${
      items.join("\n")
    }\n</dl>`;
  });
  return { html: html.join("\n"), headings: kinds.map(({ heading }) => heading) };
}
