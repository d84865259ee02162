/**
 * The documentation names things that exist: recordings, files, tasks.
 *
 * @module
 */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The Markdown files that people read, from the project's folder. */
const documents: readonly string[] = [
  ...["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"],
  ...["bench/README.md", "extractor/README.md", "tests/transports/README.md"],
  ...readdirSync(join(root, "docs")).map((name) => join("docs", name)),
];

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

test("documents › a link to a file › leads to one", () => {
  for (const document of documents) {
    for (const [, target] of read(document).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const path = join(root, dirname(document), target);
      assert(existsSync(path), `${document} links to ${target}, which doesn't exist`);
    }
  }
});

test("documents › a task › exists", () => {
  const { tasks } = JSON.parse(read("deno.json"));
  for (const document of documents) {
    for (const [, task] of read(document).matchAll(/\b(?:deno|deno@[\d.]+) task ([a-z][\w:]*)/g)) {
      assert(task in tasks, `${document} speaks of the task ${task}, which doesn't exist`);
    }
  }
});

test("wire-doveadm.md › a recording in parentheses › exists for a server", () => {
  const folder = join(root, "tests/core/doveadm/recordings");
  const names = new Set(
    readdirSync(folder).filter((file) => file.endsWith(".jsonl")).flatMap((file) =>
      readFileSync(join(folder, file), "utf8").trim().split("\n").map((line) =>
        JSON.parse(line).name
      )
    ),
  );
  const named = [...read("docs/wire-doveadm.md").matchAll(/\(([^()]*)\)/g)]
    .flatMap(([, text]) => [...text.matchAll(/`([a-z][\w-]*-m\d|version-[\w-]+)`/gi)])
    .map(([, name]) => name);
  assert(named.length > 40, `only ${named.length} recordings are named`);
  for (const name of named) assert(names.has(name), `there is no recording ${name}`);
});
