/**
 * Runs the benches on Deno, Node and Bun.
 *
 * @module
 */

import { findBun, findNode } from "./tools.ts";

const runtimes: readonly (readonly [string, string, readonly string[]])[] = [
  ["Deno", Deno.execPath(), ["run", "-A"]],
  ["Node", await findNode(), []],
  ["Bun", await findBun(), []],
];

for (const [name, command, args] of runtimes) {
  console.log(`\n${name}`);
  const { success } = await new Deno.Command(command, { args: [...args, "bench/parse.ts"] }).spawn()
    .status;
  if (!success) Deno.exit(1);
}
