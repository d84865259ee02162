/**
 * Generates the catalogue of commands in core/doveadm/catalogue/.
 *
 *     deno run -A scripts/generate_catalogue.ts
 *
 * It reads the commands and parameters from a Dovecot of each version, and adds the facts of
 * scripts/catalogue/facts.json.
 *
 * @module
 */

import { readFile, writeFile } from "node:fs/promises";
import { generateCatalogue } from "./catalogue/generate.ts";
import { listCommands } from "./catalogue/lists.ts";

const facts = JSON.parse(
  await readFile(new URL("./catalogue/facts.json", import.meta.url), "utf8"),
);
const files = generateCatalogue(await listCommands(), facts);
for (const [name, text] of Object.entries(files)) {
  const file = new URL(`../core/doveadm/catalogue/${name}`, import.meta.url);
  const isNew = text !== await readFile(file, "utf8").catch(() => "");
  if (isNew) await writeFile(file, text);
  console.log(`${name}: ${isNew ? "written" : "unchanged"}`);
}
