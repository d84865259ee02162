/**
 * The navigation: the documents and the API's entry points, in one list.
 *
 * @module
 */

import { escapeHtml, relativeUrl } from "./html.ts";

/** A page in the navigation. */
export interface NavigationItem {
  readonly label: string;
  /** Path of its file in the site's folder. */
  readonly path: string;
}

/** Pages under one heading. */
export interface NavigationGroup {
  readonly heading: string;
  readonly items: readonly NavigationItem[];
}

/** The documents, by their paths from the project's folder; each needs a place here. */
export const DOCUMENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "Start": {
    "README.md": "Overview",
    "docs/README.md": "All documents",
    "docs/runtimes.md": "Runtimes",
  },
  "Clients": {
    "docs/client.md": "Client",
    "docs/queries.md": "Search queries",
    "docs/operations.md": "Sweeps and fleets",
    "fleet/README.md": "@dovewire/fleet",
    "docs/imap.md": "IMAP",
  },
  "Command": {
    "cli/README.md": "@dovewire/cli",
    "docs/cli.md": "dovewire and doveadm",
  },
  "Servers": {
    "docs/server.md": "Server",
    "docs/policy.md": "Policy",
    "docs/http.md": "HTTP server",
    "docs/stand-in.md": "Stand-in for tests",
  },
  "Extractor": {
    "extractor/README.md": "@dovewire/extractor",
    "docs/extractor-maildirs.md": "Maildirs",
  },
  "Protocols": {
    "docs/embedding.md": "Embedding",
    "docs/wire-doveadm.md": "Wire: doveadm",
    "docs/wire-imap.md": "Wire: IMAP",
    "docs/wire-extractor.md": "Wire: extractor",
  },
  "Project": {
    "docs/architecture.md": "Architecture",
    "docs/testing.md": "Testing",
    "bench/README.md": "Benchmarks",
    "docs/releasing.md": "Releasing",
    "CONTRIBUTING.md": "Contributing",
    "SECURITY.md": "Security",
    "CODE_OF_CONDUCT.md": "Code of conduct",
    "CHANGELOG.md": "Changelog",
  },
};

/** The path of a document's page in the site's folder. */
export function pageOfDocument(path: string): string {
  return path.replace(/(^|\/)README\.md$/, "$1index.md").replace(/\.md$/, ".html");
}

/** The groups of the documents. */
export function documentGroups(): readonly NavigationGroup[] {
  return Object.entries(DOCUMENTS).map(([heading, documents]) => ({
    heading,
    items: Object.entries(documents).map(([path, label]) => ({
      label,
      path: pageOfDocument(path),
    })),
  }));
}

/** The navigation, for each page. */
export class Navigation {
  readonly #groups: readonly NavigationGroup[];

  /** Creates one of these groups. */
  constructor(groups: readonly NavigationGroup[]) {
    this.#groups = groups;
  }

  /** As HTML for the page of that path, or for one that belongs to `parent`. */
  render(page: string, parent: string = page): string {
    return this.#groups.map(({ heading, items }) => {
      const links = items.map(({ label, path }) => {
        const current = path === page ? "page" : path === parent ? "true" : undefined;
        const mark = current === undefined ? "" : ` aria-current="${current}"`;
        return `<li><a href="${relativeUrl(page, path)}"${mark}>${escapeHtml(label)}</a></li>`;
      });
      return `<h2>${escapeHtml(heading)}</h2>\n<ul>\n${links.join("\n")}\n</ul>`;
    }).join("\n");
  }
}
