/**
 * Whatever `await using` closes can also be closed by `close()`: Node before version 24 knows no
 * `await using`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** An exported class or interface, from its first line to the brace in front of a line. */
const DECLARATION = /^export (?:abstract )?(?:class|interface) (\w+).*?^\}/gms;

/** The folders of the packages, and their modules beside folders. */
function sources(): string[] {
  const manifests = [".", ...JSON.parse(readFileSync(join(root, "deno.json"), "utf8")).workspace];
  return manifests.flatMap((folder: string) => {
    const { publish } = JSON.parse(readFileSync(join(root, folder, "deno.json"), "utf8"));
    return publish.include.flatMap((name: string) =>
      name.endsWith("/")
        ? readdirSync(join(root, folder, name), { recursive: true, encoding: "utf8" })
          .map((file) => join(folder, name, file))
        : join(folder, name)
    );
  }).filter((file: string) => file.endsWith(".ts"));
}

test("disposables › each exported class and interface › has close()", () => {
  const names: string[] = [];
  for (const file of sources()) {
    for (const [text, name] of readFileSync(join(root, file), "utf8").matchAll(DECLARATION)) {
      // A generator has return().
      if (/ implements AsyncGenerator</.test(text)) continue;
      if (!/\b(?:Async)?Disposable\b|\[Symbol\.(?:asyncDispose|dispose)\]/.test(text)) continue;
      assert.match(
        text,
        /^ {2}(?:abstract |async )?close\(/m,
        `${name} in ${file} has no close()`,
      );
      names.push(name);
    }
  }
  for (const name of ["DoveadmClient", "DoveadmServer", "Extractor", "MailServer", "Transport"]) {
    assert.ok(names.includes(name), `${name} was not seen`);
  }
});
