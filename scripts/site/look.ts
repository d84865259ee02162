/**
 * Looks at the built site in Chromium, on a wide and on a narrow screen: fails if a page is wider than its screen, if
 * one loads anything from a network, or if a script of one fails.
 *
 *     deno task site:look [--screenshots=FOLDER] [FILTER…]
 *
 * A filter is a part of a page's path; without one it looks at all pages.
 * Chromium is Debian's: `apt-get install chromium`.
 *
 * @module
 */

import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { launch, type Page } from "puppeteer-core";
import { CACHE } from "../test/paths.ts";

const SITE = join(CACHE, "site");

/** The screens. */
const SCREENS = [
  { name: "wide", width: 1280, height: 800 },
  { name: "narrow", width: 390, height: 844 },
] as const;

/** The pages in screenshots. */
const SHOWN: Readonly<Record<string, string>> = {
  index: "index.html",
  document: "docs/client.html",
  table: "docs/wire-doveadm.html",
  entry: "api/dovewire/core/imap/index.html",
  symbol: "api/dovewire/~/DoveadmClient.html",
  names: "api/dovewire/core/doveadm/catalogue/~/DoveadmParametersByName.html",
  overloads: "api/dovewire/~/connect.html",
};

async function findPages(folder: string): Promise<readonly string[]> {
  const pages: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) pages.push(...await findPages(join(folder, name)));
    else if (name.endsWith(".html")) pages.push(relative(SITE, join(folder, name)));
  }
  return pages.sort();
}

async function open(page: Page, path: string): Promise<void> {
  await page.goto(pathToFileURL(join(SITE, path)).href, { waitUntil: "load" });
}

/** Opens all pages; returns what is wrong with them. */
async function examine(page: Page, paths: readonly string[]): Promise<readonly string[]> {
  const problems: string[] = [];
  let current = "";
  page.on("request", (request) => {
    if (!/^(?:file|data):/.test(request.url())) problems.push(`${current} loads ${request.url()}`);
  });
  page.on("requestfailed", (request) => problems.push(`${current}: no ${request.url()}`));
  page.on("pageerror", (error) => problems.push(`${current}: ${String(error)}`));
  for (const { name, width, height } of SCREENS) {
    await page.setViewport({ width, height });
    for (const path of paths) {
      current = `${path} (${name})`;
      await open(page, path);
      // As a function it would be checked against Deno's globals.
      const found = await page.evaluate("document.documentElement.scrollWidth") as number;
      if (found > width) problems.push(`${current} is ${found} pixels wide`);
    }
  }
  return problems;
}

async function takeScreenshots(page: Page, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const { name, width, height } of SCREENS) {
    await page.setViewport({ width, height });
    const take = async (what: string): Promise<void> => {
      await page.screenshot({ path: join(folder, `${what}-${name}.png`) as `${string}.png` });
    };
    for (const theme of ["light", "dark"]) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
      for (const [what, path] of Object.entries(SHOWN)) {
        await open(page, path);
        await take(`${what}-${theme}`);
      }
    }
    await page.click("[data-search]");
    await page.type("dialog input", "quota");
    await page.waitForSelector("dialog li a");
    await take("search");
    await page.keyboard.press("Escape");
    if (name === "narrow") {
      await page.click(".menu");
      await take("menu");
    }
  }
}

if (import.meta.main) {
  const folder = Deno.args.map((arg) => /^--screenshots=(.+)$/.exec(arg)?.[1]).find(Boolean);
  const filters = Deno.args.filter((arg) => !arg.startsWith("--"));
  const pages = (await findPages(SITE)).filter((path) =>
    filters.length === 0 || filters.some((filter) => path.includes(filter))
  );
  const browser = await launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    const page = await browser.newPage();
    if (folder !== undefined) await takeScreenshots(page, folder);
    const problems = await examine(page, pages);
    for (const problem of problems) console.error(problem);
    console.log(`${pages.length} pages, ${problems.length} problems`);
    if (problems.length > 0) Deno.exitCode = 1;
  } finally {
    await browser.close();
  }
}
