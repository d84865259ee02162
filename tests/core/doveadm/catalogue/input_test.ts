import assert from "node:assert/strict";
import { test } from "node:test";
import { commands } from "../../../../core/doveadm/catalogue/mod.ts";
import { takesInput } from "../../../../core/doveadm/mod.ts";

test("takesInput › all commands › the same as the catalogue's", () => {
  const infos = Object.values(commands);
  assert.deepEqual(
    infos.filter(({ name }) => takesInput({ name })).map(({ name }) => name).sort(),
    infos.filter(({ input }) => input !== undefined).map(({ name }) => name).sort(),
  );
});

test("catalogue › a command's input › is one of its required parameters", () => {
  let count = 0;
  for (const { name, input, parameters } of Object.values(commands)) {
    if (input === undefined) continue;
    count++;
    const parameter = parameters.find((parameter) => parameter.name === input);
    assert.deepEqual([parameter?.type, parameter?.required], ["string", true], name);
  }
  assert(count > 0);
});
