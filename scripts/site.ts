/**
 * Builds the documentation as a site of static pages, in `.cache/site/`: README.md and the other documents, and the
 * API by `deno doc --html`, with one navigation and one search. Needs no network, and neither do the pages.
 *
 *     deno task site
 *
 * Fails if there is a dead link, and says on which page.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, stop } from "esbuild";
import { MEMBERS } from "./npm/manifest.ts";
import { ApiSite } from "./site/api.ts";
import { findDeadLinks } from "./site/check_links.ts";
import { documentPackage } from "./site/deno_doc.ts";
import { renderDocument } from "./site/document.ts";
import { type Page, renderPage } from "./site/html.ts";
import { repositoryUrl, SiteLinks } from "./site/links.ts";
import { documentGroups, DOCUMENTS, Navigation } from "./site/navigation.ts";
import { searchScript } from "./site/search_index.ts";
import { CACHE, ROOT } from "./test/paths.ts";

/** Path of the folder that has the site. */
export const SITE: string = join(CACHE, "site");

/** Builds the site; resolves to the dead links in it. */
export async function buildSite(): Promise<readonly string[]> {
  const apis = await Promise.all(MEMBERS.map(({ folder }) => documentMember(folder)));
  const documents = Object.values(DOCUMENTS).flatMap((group) => Object.keys(group));
  const links = new SiteLinks({
    root: ROOT,
    documents: new Set(documents),
    // The main package's come last, and so first.
    symbols: new Map(apis.toReversed().flatMap((api) => [...api.symbols()])),
  });
  const documentPages = await Promise.all(
    documents.map(async (path) =>
      renderDocument(path, await Deno.readTextFile(join(ROOT, path)), links)
    ),
  );
  const sections = [
    ...documentPages.flatMap((page) => page.sections),
    ...apis.flatMap((api) => api.sections()),
  ];
  const sourceUrl = (file: string) =>
    repositoryUrl(ROOT, fileURLToPath(file).slice(join(ROOT, "/").length));
  const pages: readonly Page[] = [...documentPages, ...apis.flatMap((it) => it.pages(sourceUrl))];
  const navigation = new Navigation([...documentGroups(), ...apis.map(({ group }) => group)]);
  const html = new Map(pages.map((page) => [page.path, renderPage(page, navigation)]));
  const files = new Map([
    ["search.js", new TextEncoder().encode(searchScript(sections))],
    ["site.css", await Deno.readFile(join(ROOT, "scripts/site/browser/site.css"))],
    ["site.js", await bundleScript()],
  ]);
  for (const image of links.images) files.set(image, await Deno.readFile(join(ROOT, image)));
  await write(html, files);
  return findDeadLinks({
    pages: html,
    files: new Set(files.keys()),
    isInRepository: (path) => existsSync(join(ROOT, path)),
  });
}

/** The API of the package in a folder. */
async function documentMember(folder: string): Promise<ApiSite> {
  const { name, exports } = JSON.parse(await Deno.readTextFile(join(ROOT, folder, "deno.json")));
  const documented = await documentPackage(folder, name, Object.values(exports));
  return new ApiSite(documented, Object.keys(exports));
}

/** The script of the pages, with the search's library in it. */
async function bundleScript(): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { outputFiles } = await build({
      entryPoints: [join(ROOT, "scripts/site/browser/site.ts")],
      ...{ bundle: true, minify: true, write: false, format: "iife", target: "es2022" },
      logLevel: "error",
    });
    return new Uint8Array(outputFiles[0].contents);
  } finally {
    await stop();
  }
}

/** Writes the site's files, in place of those of an earlier build. */
async function write(
  pages: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await Deno.remove(SITE, { recursive: true }).catch(() => {});
  const encoder = new TextEncoder();
  const all = [
    ...files,
    ...[...pages].map(([path, html]) => [path, encoder.encode(html)] as const),
  ];
  for (const folder of new Set(all.map(([path]) => dirname(path)))) {
    await Deno.mkdir(join(SITE, folder), { recursive: true });
  }
  for (const [path, bytes] of all) await Deno.writeFile(join(SITE, path), bytes);
}

if (import.meta.main) {
  const dead = await buildSite();
  for (const link of dead) console.error(link);
  if (dead.length > 0) {
    console.error(`${dead.length} dead links. Correct them in the documents or doc comments.`);
    Deno.exit(1);
  }
  console.log(join(SITE, "index.html"));
}
