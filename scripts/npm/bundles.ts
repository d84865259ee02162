/**
 * Joins a package's modules for runtimes, which spend most of the time of an import on opening files.
 *
 * Bundlers get the single modules all the same: of those they can leave out more.
 *
 * @module
 */

import { build, stop } from "esbuild";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { type Entries, replacementsIn } from "./manifest.ts";

/** The folder of the joined modules. */
const FOLDER = "bundled";

/** Writes joined modules for the entries into a package's folder; resolves to the entries with both. */
export async function bundleEntries(folder: string, entries: Entries): Promise<Entries> {
  const paths = [
    ...Object.values(entries).map(({ default: path }) => path),
    ...replacementsIn(entries).values(),
  ];
  try {
    await build({
      // Comments name the single modules by their paths from there.
      absWorkingDir: folder,
      ...{ entryPoints: paths, outdir: FOLDER, outbase: "." },
      chunkNames: "chunks/[name]-[hash]",
      ...{ bundle: true, splitting: true, format: "esm", platform: "neutral" },
      // npm installs other packages beside it.
      ...{ external: ["node:*", ...builtinModules], packages: "external" },
      ...{ target: "es2022", logLevel: "error" },
      // Two classes of one name would get other names otherwise.
      keepNames: true,
    });
  } finally {
    await stop();
  }
  return Object.fromEntries(
    Object.entries(entries).map(([name, { types, default: module }]) => [
      name,
      { types, module, default: `./${join(FOLDER, module)}` },
    ]),
  );
}
