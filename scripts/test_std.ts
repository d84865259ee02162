/**
 * Checks and tests the examples for Deno, `examples/deno/`, which use `@std/*`.
 *
 *     deno task test:std [--links=FOLDER]
 *
 * `@std/*` is on JSR alone. Where that can't be reached, a folder with a copy of its repository does,
 * github.com/denoland/std. With neither this fails and says so; `deno task test` does without.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const EXAMPLES = fileURLToPath(new URL("../examples/deno", import.meta.url));

/** The packages of a copy of the repository: the folders with a deno.json. */
async function packagesIn(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (!isDirectory) continue;
    if (await Deno.stat(join(path, "deno.json")).then(() => true, () => false)) found.push(path);
  }
  return found.sort();
}

/** Writes the examples' configuration for a run outside the project's own; resolves to its path. */
async function writeConfig(work: string, links: readonly string[]): Promise<string> {
  const { imports } = JSON.parse(await Deno.readTextFile(join(EXAMPLES, "deno.json")));
  for (const [name, path] of Object.entries<string>(imports)) {
    if (path.startsWith(".")) imports[name] = resolve(EXAMPLES, path);
  }
  const config = { imports, links, lock: false, fmt: { lineWidth: 100 } };
  const path = join(work, "deno.json");
  await Deno.writeTextFile(path, JSON.stringify(config));
  return path;
}

/** Runs Deno on the examples; whether it succeeded. */
async function deno(args: readonly string[]): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: EXAMPLES,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return success;
}

async function main(): Promise<boolean> {
  const [option = "--links=", ...others] = Deno.args;
  if (!option.startsWith("--links=") || others.length > 0) {
    console.error("Usage: deno task test:std [--links=FOLDER]");
    return false;
  }
  const folder = option.slice("--links=".length);
  const work = await Deno.makeTempDir({ prefix: "dovewire-std-" });
  try {
    const links = folder === "" ? [] : await packagesIn(folder);
    const config = `--config=${await writeConfig(work, links)}`;
    if (!await deno(["check", "--quiet", config, "."])) {
      console.error(
        "\nNOTHING WAS TESTED: either the examples have a mistake, or @std/* can't be loaded from " +
          "https://jsr.io.\nIn the second case clone https://github.com/denoland/std and use " +
          '"deno task test:std --links=FOLDER".',
      );
      return false;
    }
    return await deno(["fmt", "--check", config, "."]) &&
      await deno(["lint", "--quiet", config, "."]) &&
      await deno(["test", "--allow-net", "--no-check", config, "."]);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main() ? 0 : 1);
