/**
 * Runs `deno doc --html` for the packages.
 *
 * @module
 */

import { join, relative } from "node:path";
import { ROOT } from "../test/paths.ts";
import { run } from "../tools.ts";
import { type ApiPackage, readSymbols } from "./api.ts";

/** Documents a package by `deno doc`; resolves to its pages, and rejects with Deno's messages. */
export async function documentPackage(
  folder: string,
  packageName: string,
  entries: readonly string[],
): Promise<ApiPackage> {
  const output = await Deno.makeTempDir();
  try {
    // Without npm packages' types: nothing of them is exported, and nothing is downloaded.
    const options = ["--html", "--no-npm", `--name=${packageName}`, `--output=${output}`];
    await run(Deno.execPath(), ["doc", ...options, ...entries], join(ROOT, folder));
    return {
      name: packageName,
      symbols: readSymbols(await Deno.readTextFile(join(output, "search_index.js"))),
      pages: new Map(await readPages(output)),
    };
  } finally {
    await Deno.remove(output, { recursive: true });
  }
}

/** The HTML files in a folder, by their paths. */
async function readPages(folder: string): Promise<readonly (readonly [string, string])[]> {
  const pages: (readonly [string, string])[] = [];
  const visit = async (path: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      const inside = join(path, name);
      if (isDirectory) await visit(inside);
      else if (name.endsWith(".html") && name !== "all_symbols.html") {
        pages.push([relative(folder, inside), await Deno.readTextFile(inside)]);
      }
    }
  };
  await visit(folder);
  return pages;
}
