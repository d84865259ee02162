/**
 * Finds dead links in a site.
 *
 * @module
 */

import { posix } from "node:path";
import { Parser } from "htmlparser2";
import { repositoryPath } from "./links.ts";

/** What of a page matters for links. */
interface PageLinks {
  readonly ids: ReadonlySet<string>;
  /** The targets of its links. */
  readonly links: ReadonlySet<string>;
  /** What a browser loads with it. */
  readonly loaded: ReadonlySet<string>;
}

/** A site. */
export interface Site {
  /** The HTML of its pages, by their paths. */
  readonly pages: ReadonlyMap<string, string>;
  /** The paths of its other files. */
  readonly files: ReadonlySet<string>;
  /** Whether the repository has a file or folder of that path. */
  readonly isInRepository: (path: string) => boolean;
}

/** The dead links of a site, each with its page, as lines for a person. External links aren't followed. */
export function findDeadLinks(site: Site): readonly string[] {
  const pages = new Map([...site.pages].map(([path, html]) => [path, readLinks(html)]));
  const problems: string[] = [];
  for (const [path, { links, loaded }] of pages) {
    for (const link of links) {
      const problem = problemOf(path, link, pages, site);
      if (problem !== undefined) problems.push(`${path}: ${link}: ${problem}`);
    }
    for (const url of loaded) {
      if (url.startsWith("data:")) continue;
      const problem = isExternal(url)
        ? "would be loaded from the network"
        : problemOf(path, url, pages, site);
      if (problem !== undefined) problems.push(`${path}: ${url}: ${problem}`);
    }
  }
  return problems;
}

function problemOf(
  page: string,
  link: string,
  pages: ReadonlyMap<string, PageLinks>,
  { files, isInRepository }: Site,
): string | undefined {
  if (isExternal(link)) return externalProblem(link, isInRepository);
  const [path, anchor] = link.split("#", 2);
  const target = path === ""
    ? page
    : posix.normalize(posix.join(posix.dirname(page), decode(path)));
  const found = pages.get(target);
  if (found === undefined) return files.has(target) ? undefined : "there is no such file";
  if (anchor === undefined || anchor === "" || found.ids.has(decode(anchor))) return undefined;
  return `${target} has no such anchor`;
}

/** Whether a link leaves the site. */
function isExternal(link: string): boolean {
  return /^(?:[a-z][a-z0-9+.-]*:|\/)/i.test(link);
}

function externalProblem(
  link: string,
  isInRepository: (path: string) => boolean,
): string | undefined {
  const url = URL.parse(link);
  if (url === null) return "is not a URL";
  if (url.protocol === "mailto:") return undefined;
  if (url.protocol !== "https:" && url.protocol !== "http:") return "leads to no web page";
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(url.hostname)) return "has no public host";
  const path = repositoryPath(link);
  if (path !== undefined && !isInRepository(path)) return "the repository has no such file";
  return undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Reads a page's links. */
function readLinks(html: string): PageLinks {
  const ids = new Set<string>();
  const links = new Set<string>();
  const loaded = new Set<string>();
  const parser = new Parser({
    onopentag(name, attributes) {
      const { id, href, src } = attributes;
      if (id !== undefined) ids.add(id);
      if (href !== undefined) (name === "a" ? links : loaded).add(href);
      if (src !== undefined) loaded.add(src);
      if (name === "a" && href === "") links.add("#(empty)");
    },
  });
  parser.end(html);
  return { ids, links, loaded };
}
