/**
 * Where the links of documents go to: to pages of the site, or else to the repository.
 *
 * @module
 */

import { existsSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { REPOSITORY } from "../npm/manifest.ts";
import type { DocumentLinks } from "./document.ts";
import { relativeUrl } from "./html.ts";
import { pageOfDocument } from "./navigation.ts";

/** The start of the addresses of files and folders in the repository. */
const ADDRESS = new RegExp(`^${REPOSITORY}/(?:blob|tree)/main/`);

/** The address of a file or a folder of the repository. */
export function repositoryUrl(root: string, path: string): string {
  const kind = statSync(join(root, path), { throwIfNoEntry: false })?.isDirectory()
    ? "tree"
    : "blob";
  return `${REPOSITORY}/${kind}/main/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** The path of the file or folder that an address leads to, or `undefined` if it isn't of the repository. */
export function repositoryPath(url: string): string | undefined {
  if (!ADDRESS.test(url)) return undefined;
  return decodeURIComponent(url.replace(ADDRESS, "").split(/[?#]/, 1)[0]);
}

/** What the links of documents can lead to. */
export interface LinkTargets {
  /** The path of the project's folder. */
  readonly root: string;
  /** The documents that are pages of the site, by their paths from the project's folder. */
  readonly documents: ReadonlySet<string>;
  /** The pages of the API's symbols, by their names. */
  readonly symbols: ReadonlyMap<string, string>;
}

/** Links of documents. Images that they show are in {@linkcode SiteLinks.images} afterwards. */
export class SiteLinks implements DocumentLinks {
  /** The images that documents show, by their paths from the project's folder. */
  readonly images: Set<string> = new Set();
  readonly #targets: LinkTargets;

  /** Creates links to these. */
  constructor(targets: LinkTargets) {
    this.#targets = targets;
  }

  /** The URL for a link's target. */
  resolve(document: string, target: string): string {
    if (target.startsWith("#")) return target;
    const anchor = /#.*$/.exec(target)?.[0] ?? "";
    const own = repositoryPath(target);
    if (own !== undefined) return this.#urlOf(document, own, anchor);
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return target;
    const path = target.slice(0, target.length - anchor.length);
    return this.#urlOf(document, posix.join(posix.dirname(document), path), anchor);
  }

  /** The URL of what a piece of code names: `Driver`, `connect()` or `core/protocol.ts` for example. */
  resolveCode(document: string, code: string): string | undefined {
    const name = /^([A-Z]\w*[a-z]\w*|[a-z]\w*(?=\(\)$))(?:\(\))?$/.exec(code)?.[1];
    const symbol = name && this.#targets.symbols.get(name);
    if (symbol) return relativeUrl(pageOfDocument(document), symbol);
    const isFile = /^[a-z][\w.-]*\/(?:[\w.-]+\/)*[\w-]+\.(?:ts|js|sh|yml|md)$/.test(code) &&
      existsSync(join(this.#targets.root, code));
    return isFile ? this.#urlOf(document, code, "") : undefined;
  }

  /** The URL of a file or a folder, from a document's page. */
  #urlOf(document: string, file: string, anchor: string): string {
    const from = pageOfDocument(document);
    if (this.#targets.documents.has(file)) {
      return relativeUrl(from, pageOfDocument(file) + anchor);
    }
    if (/\.(?:png|svg)$/.test(file) && existsSync(join(this.#targets.root, file))) {
      this.images.add(file);
      return relativeUrl(from, file);
    }
    return repositoryUrl(this.#targets.root, file) + anchor;
  }
}
