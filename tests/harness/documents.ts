/**
 * The programs in the documents.
 *
 * @module
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** This project's folder; tests are also run as copies below `.cache/`. */
const root = findRoot();

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "deno.json"))) folder = dirname(folder);
  return folder;
}

/** The blocks of a document in a language; in TypeScript they are programs, or parts of one. */
export function blocksOf(file: string, language = "ts"): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const blocks = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms");
  return [...text.matchAll(blocks)].map(([, code]) => code);
}

/**
 * The README's first program, and inside it blocks that continue it: they run before it closes its client
 * and its server. The names that blocks import are imported once.
 */
export function continuedBy(blocks: readonly string[]): string {
  const [first] = blocksOf("README.md");
  const imported = new Map<string, Set<string>>();
  const [start, ...bodies] = [first, ...blocks].map((code) =>
    code.replaceAll(/^import \{([^}]*)\} from "(?:jsr:)?(.*)";\n/gm, (_, names: string, from) => {
      if (!imported.has(from)) imported.set(from, new Set());
      for (const name of names.match(/\w[^,\n]*/g) ?? []) imported.get(from)!.add(name.trim());
      return "";
    })
  );
  const imports = [...imported].map(([from, names]) =>
    `import { ${[...names].join(", ")} } from "${from}";\n`
  );
  const end = start.indexOf("} finally {");
  if (end === -1) throw new Error("README.md's first program has no finally.");
  const inside = bodies.map((body) => `{\n${body}}\n`);
  return [...imports, start.slice(0, end), ...inside, start.slice(end)].join("");
}
