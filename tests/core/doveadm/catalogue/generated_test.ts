import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { commands } from "../../../../core/doveadm/catalogue/mod.ts";
import type { Facts } from "../../../../scripts/catalogue/facts.ts";
import { generateCatalogue } from "../../../../scripts/catalogue/generate.ts";
import { listCommands } from "../../../../scripts/catalogue/lists.ts";

const root = new URL("../../../../", import.meta.url);

async function read(path: string): Promise<string> {
  return await readFile(new URL(path, root), "utf8");
}

test("catalogue › generated from the servers and the facts › is up to date", async () => {
  const facts: Facts = JSON.parse(await read("scripts/catalogue/facts.json"));
  const lists = await listCommands();
  const files = generateCatalogue(lists, facts);
  assert.deepEqual(Object.keys(files), ["commands.ts", "signatures.ts"]);
  for (const [name, text] of Object.entries(files)) {
    const how = `${name} is out of date: run "deno run -A scripts/generate_catalogue.ts".`;
    assert(await read(`core/doveadm/catalogue/${name}`) === text, how);
  }
  // What no server lists, and what the facts forgot, is an error and not left out.
  const missing = { ...facts, commands: { ...facts.commands, noSuch: facts.commands.who } };
  assert.throws(() => generateCatalogue(lists, missing), /No server lists noSuch/);
  const { who: _, ...others } = facts.commands;
  assert.throws(
    () => generateCatalogue(lists, { ...facts, commands: others }),
    /command who has no facts/,
  );
});

test("catalogue › names of commands › match the wire's and the API's", () => {
  for (const [name, info] of Object.entries(commands)) {
    assert.equal(info.name, name);
    assert.equal(info.method, name.replaceAll(/[ -](\w)/g, (_, letter) => letter.toUpperCase()));
    assert(info.parameters.length === new Set(info.parameters.map(({ name }) => name)).size, name);
  }
  assert(Object.keys(commands).length > 130);
});
