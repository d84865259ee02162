import assert from "node:assert/strict";
import { test } from "node:test";
import { concernedParameters, hasParameter } from "../../../../core/doveadm/catalogue/concerned.ts";
import { type CommandInfo, commands } from "../../../../core/doveadm/catalogue/mod.ts";

const all: readonly CommandInfo[] = Object.values(commands);

test("concerned parameters › of all commands, in any order › are those of a search through the list", () => {
  for (const info of all) {
    const names = info.parameters.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length, `${info.name} has a name twice`);
    for (let step = 1; step <= names.length; step++) {
      const given = names.filter((_, at) => at % step === 0).reverse();
      const values = Object.fromEntries(given.map((name) => [name, undefined]));
      assert.deepEqual(
        concernedParameters(info, values),
        info.parameters.filter(({ name, required, implied }) =>
          given.includes(name) || required || implied !== undefined
        ),
      );
    }
  }
});

test("concerned parameters › names that all objects have, or no command › are none", () => {
  const values = JSON.parse('{ "__proto__": 1, "constructor": 1, "toString": 1, "": 1 }');
  for (const info of all) {
    assert.deepEqual(concernedParameters(info, values), concernedParameters(info, {}));
    for (const name of Object.keys(values)) assert(!hasParameter(info, name));
  }
});
