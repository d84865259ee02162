import assert from "node:assert/strict";
import { test } from "node:test";
import { commands } from "../../../../core/doveadm/catalogue/mod.ts";
import { takesInput } from "../../../../core/doveadm/mod.ts";

test("a server expects input for the commands that the catalogue has one for, and no others", () => {
  const infos = Object.values(commands);
  assert.deepEqual(
    infos.filter(({ name }) => takesInput({ name })).map(({ name }) => name).sort(),
    infos.filter(({ input }) => input !== undefined).map(({ name }) => name).sort(),
  );
});

test("a command's input is a parameter of it that it can't do without", () => {
  let count = 0;
  for (const { name, input, parameters } of Object.values(commands)) {
    if (input === undefined) continue;
    count++;
    const parameter = parameters.find((parameter) => parameter.name === input);
    assert.deepEqual([parameter?.type, parameter?.required], ["string", true], name);
  }
  assert(count > 0);
});
