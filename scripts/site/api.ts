/**
 * Takes the pages of `deno doc --html` apart, and makes pages of the site of them.
 *
 * A member of a class or an interface has no page here: its links go to its place on the page of the class.
 * What `deno doc` draws besides the documentation (its styles, scripts, icons, search) is left out.
 *
 * @module
 */

import { posix } from "node:path";
import { ApiDocument } from "./api_document.ts";
import type { Page } from "./html.ts";
import type { NavigationGroup } from "./navigation.ts";
import type { Section } from "./search_index.ts";

/** A package as `deno doc` documents it. */
export interface ApiPackage {
  /** Its name, "@dovewire/fleet" for example. */
  readonly name: string;
  readonly symbols: readonly ApiSymbol[];
  /** The pages' HTML by their paths, which are relative to the package's folder. */
  readonly pages: ReadonlyMap<string, string>;
}

/** A symbol, or a member of one, in the search index of `deno doc`. */
export interface ApiSymbol {
  /** "Driver", "query.and", "Driver.prototype.run". */
  readonly name: string;
  /** Its kinds: "Class", "Method"; several if types and values share the name. */
  readonly kind: readonly { readonly title: string }[];
  /** The entry point that exports it, "." for the main one. */
  readonly file: string;
  /** The beginning of its documentation. */
  readonly doc: string;
  /** The path of its page. */
  readonly url: string;
}

/** The symbols in the text of `search_index.js`. */
export function readSymbols(script: string): readonly ApiSymbol[] {
  const json = /=\s*(\{.*\})\s*;/s.exec(script)?.[1];
  const nodes = json === undefined ? undefined : JSON.parse(json).nodes;
  if (!Array.isArray(nodes)) {
    throw new Error("The search index of deno doc has another form: change scripts/site/api.ts.");
  }
  return nodes;
}

/** The pages of a package. */
export class ApiSite {
  /** Its name. */
  readonly name: string;
  /** Path of its folder in the site. */
  readonly folder: string;
  readonly #documents = new Map<string, ApiDocument>();
  readonly #symbols: readonly ApiSymbol[];
  readonly #entries: readonly string[];
  /** Where pages went: those that only lead to others, and members' to their places on others. */
  readonly #moved = new Map<string, string>();

  /** Reads a package; `entries` has the names of its entry points in deno.json, "./core" for example. */
  constructor({ name, symbols, pages }: ApiPackage, entries: readonly string[]) {
    this.name = name;
    this.folder = `api/${name.split("/").at(-1)}`;
    this.#entries = entries.map((entry) => entry.replace(/^\.\//, ""));
    // Those of members come last: most of them need not be parsed.
    const ordered = [...pages].toSorted(([one], [other]) => depthOf(one) - depthOf(other));
    for (const [file, html] of ordered) {
      // Names of commands have spaces, which files' names have as "%20".
      const path = decodeURIComponent(file);
      const target = /<meta http-equiv="refresh" content="0; url=([^"]+)"/.exec(html)?.[1];
      const owner = this.#ownerOf(path);
      if (target !== undefined) {
        this.#moved.set(path, resolve(path, target.replaceAll("&#x2F;", "/")));
      } else if (owner !== undefined) {
        this.#moved.set(path, owner);
      } else {
        this.#documents.set(path, new ApiDocument(path, html));
      }
    }
    this.#symbols = symbols.toSorted((one, other) => this.#rankOf(one) - this.#rankOf(other));
  }

  /** Its part of the navigation. */
  get group(): NavigationGroup {
    const items = this.#entries.map((entry) => ({
      label: entry === "." ? this.name : entry,
      path: this.#pathOf(indexOf(entry)),
    }));
    return { heading: `API: ${this.name}`, items };
  }

  /** The pages; the function has the address of a source file, given its URL. */
  pages(sourceUrl: (file: string) => string): readonly Page[] {
    const pages: Page[] = [];
    for (const document of this.#documents.values()) {
      const entry = document.entry;
      const isIndex = document.path === indexOf(entry);
      pages.push(document.toPage({
        path: this.#pathOf(document.path),
        specifier: this.#specifierOf(entry),
        ...(isIndex ? {} : { index: this.#pathOf(indexOf(entry)) }),
        listed: isIndex ? this.#listed(entry) : [],
        resolve: (target) => this.#pathOf(this.#follow(resolve(document.path, target))),
        sourceUrl,
      }));
    }
    return pages;
  }

  /** What the search finds; a symbol that several entries export is found once. */
  sections(): readonly Section[] {
    const seen = new Set<string>();
    return this.#symbols.flatMap(({ name, file, doc, url }) => {
      const path = this.#follow(posix.normalize(decodeURIComponent(url)));
      const key = `${name}\n${doc}`;
      if (!this.#documents.has(path.split("#")[0]) || seen.has(key)) return [];
      seen.add(key);
      const title = name.replace(".prototype.", ".");
      return { title, place: this.#specifierOf(file), url: this.#pathOf(path), text: doc };
    });
  }

  /** The paths of the pages of the symbols that it exports, by their names. */
  symbols(): ReadonlyMap<string, string> {
    const paths = new Map<string, string>();
    for (const { name, url } of this.#symbols) {
      const path = posix.normalize(decodeURIComponent(url));
      if (name.includes(".") || paths.has(name) || !this.#documents.has(path)) continue;
      paths.set(name, this.#pathOf(path));
    }
    return paths;
  }

  /** The symbols that an entry exports, for its page. */
  #listed(entry: string): readonly ListedSymbol[] {
    const seen = new Set<string>();
    return this.#symbols.flatMap(({ name, kind, file, url }) => {
      const document = this.#documents.get(posix.normalize(decodeURIComponent(url)));
      if (file !== entry || name.includes(".") || document === undefined || seen.has(name)) {
        return [];
      }
      seen.add(name);
      const path = this.#pathOf(document.path);
      return { name, path, kind: kind[0].title, summary: document.summary };
    });
  }

  /** Where a member is on the page of the class or interface that it is of; a namespace has pages for its own. */
  #ownerOf(path: string): string | undefined {
    const [, page, name] = /^((?:.*\/)?~\/[^.]+)\.(?:prototype\.)?(.+)\.html$/.exec(path) ?? [];
    const owner = page === undefined ? undefined : this.#documents.get(`${page}.html`);
    if (owner === undefined || owner.isNamespace) return undefined;
    const id = owner.members.get(name);
    return id === undefined ? owner.path : `${owner.path}#${id}`;
  }

  #rankOf({ file }: ApiSymbol): number {
    return this.#entries.indexOf(file);
  }

  #specifierOf(entry: string): string {
    return entry === "." ? this.name : `${this.name}/${entry}`;
  }

  #pathOf(path: string): string {
    return `${this.folder}/${path}`;
  }

  #follow(path: string): string {
    const [page, anchor] = path.split("#", 2);
    const moved = this.#moved.get(page);
    if (moved === undefined) return path;
    return anchor === undefined || moved.includes("#") ? moved : `${moved}#${anchor}`;
  }
}

/** A symbol in the list of an entry's symbols. */
export interface ListedSymbol {
  readonly name: string;
  readonly kind: string;
  readonly path: string;
  /** The first paragraph of its documentation, as HTML without links. */
  readonly summary: string;
}

/** The number of dots in a page's name: members have more than what they are of. */
function depthOf(path: string): number {
  return posix.basename(path).split(".").length;
}

/** The path of an entry's page. */
function indexOf(entry: string): string {
  return posix.join(entry, "index.html");
}

/** The path that a link on a page of `deno doc` leads to; folders stand for their pages. */
function resolve(from: string, target: string): string {
  const [path, anchor] = target.split("#", 2);
  const resolved = path === ""
    ? from
    : posix.normalize(posix.join(posix.dirname(from), decodeURIComponent(path)));
  const page = resolved.endsWith("/") || resolved === "." ? `${resolved}index.html` : resolved;
  return anchor === undefined ? posix.normalize(page) : `${posix.normalize(page)}#${anchor}`;
}
