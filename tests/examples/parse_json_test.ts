import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { parseJson } from "../../examples/parse_json.ts";

test("parseJson › texts that are no JSON › the error has their name, and nothing of them", () => {
  const texts = [
    "s3cret",
    '{"token": s3cret}',
    '{"token": "s3cret" x}',
    '{"token": "s3cret",\n"x": "s3cret',
    "{'token': 's3cret'}",
    '"s3cret" "s3cret"',
  ];
  for (const text of texts) {
    assert.throws(() => parseJson(text, "proxy.json"), (error: Error) => {
      assert.match(error.message, /^proxy\.json is no JSON(: look at line [12])?\.$/);
      return !inspect(error).includes("s3cret");
    });
  }
  for (const unset of ["", undefined]) {
    assert.throws(() => parseJson(unset as string, "RULES"), /^Error: RULES is empty\. Set it/);
  }
  assert.deepEqual(parseJson('{"port": 1}', "proxy.json"), { port: 1 });
});
