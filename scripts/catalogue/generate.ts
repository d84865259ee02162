/**
 * The generated files of the catalogue.
 *
 * @module
 */

import type { Facts, Lists } from "./facts.ts";
import { mergeCatalogue } from "./merge.ts";
import { printCommands } from "./print_commands.ts";
import { printSignatures } from "./print_signatures.ts";

/** The generated files of core/doveadm/catalogue/, by name: the same for the same lists and facts. */
export function generateCatalogue(lists: Lists, facts: Facts): Readonly<Record<string, string>> {
  const merged = mergeCatalogue(lists, facts);
  return {
    "commands.ts": printCommands(merged, facts),
    "signatures.ts": printSignatures(merged, facts),
  };
}
