/**
 * The documentation refers to things that exist: recordings, files, tasks.
 *
 * @module
 */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { REPOSITORY } from "../scripts/npm/manifest.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The Markdown files for readers, from the project's folder. */
const documents: readonly string[] = [
  ...["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"],
  ...["bench/README.md", "cli/README.md", "extractor/README.md", "fleet/README.md"],
  "tests/transports/README.md",
  ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

test("documents › a link to a file › has a target", () => {
  const home = `${REPOSITORY}/blob/main/`;
  for (const document of documents) {
    for (const [, target] of read(document).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      const isOwn = target.startsWith(home);
      if (/^[a-z]+:/.test(target) && !isOwn) continue;
      const path = isOwn
        ? join(root, target.slice(home.length))
        : join(root, dirname(document), target);
      assert(existsSync(path), `${document} links to ${target}, which doesn't exist`);
    }
  }
});

test("documents › links of what the registries show › are absolute", () => {
  const shown = ["README.md", "cli/README.md", "extractor/README.md", "fleet/README.md"];
  for (const document of shown) {
    for (const [link, target] of read(document).matchAll(/\]\(([^)\s]+)\)/g)) {
      assert.match(target, /^https:/, `${document} has ${link}`);
    }
  }
});

test("README.md › its length › is a few screens", () => {
  const lines = read("README.md").split("\n");
  assert(lines.length <= 200, `${lines.length} lines`);
  const screen = lines.slice(0, 20).join("\n");
  for (const task of ["demo", "test"]) {
    assert.match(screen, new RegExp(`deno@[\\d.]+ task ${task}`));
  }
});

test("README.md › the table of entry points › has every entry", () => {
  const table = /^\| import from .*?\n\n/ms.exec(read("README.md"))?.[0] ?? "";
  const packages = [
    ...[["deno.json", ""], ["extractor/deno.json", "@dovewire/extractor"]],
    ["fleet/deno.json", "@dovewire/fleet"],
  ];
  for (const [file, name] of packages) {
    for (const entry of Object.keys(JSON.parse(read(file)).exports)) {
      const path = name + entry.slice(1);
      if (path === "") continue;
      // Adapters are named by their last part, after the first one.
      const isNamed = table.includes(`\`${path}\``) ||
        path.startsWith("/transports/") && table.includes(`\`/${path.split("/").at(-1)}\``);
      assert(isNamed, `README.md doesn't name the entry ${path}`);
    }
  }
});

test("documents › a task › exists", () => {
  const { tasks } = JSON.parse(read("deno.json"));
  for (const document of documents) {
    for (const [, task] of read(document).matchAll(/\b(?:deno|deno@[\d.]+) task ([a-z][\w:]*)/g)) {
      assert(task in tasks, `${document} mentions the task ${task}, which doesn't exist`);
    }
  }
});

test("wire-doveadm.md › a recording in parentheses › exists", () => {
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

test("wire-imap.md › a recording in parentheses › exists", () => {
  const folder = join(root, "tests/core/imap/recordings");
  const names = new Set(
    readdirSync(folder).filter((file) => file.endsWith(".jsonl")).flatMap((file) =>
      readFileSync(join(folder, file), "utf8").trim().split("\n").map((line) =>
        JSON.parse(line).name
      )
    ),
  );
  const named = [...read("docs/wire-imap.md").matchAll(/\(([^()]*)\)/g)]
    .flatMap(([, text]) => [...text.matchAll(/`([a-z][a-z0-9-]+)`/g)])
    .map(([, name]) => name);
  assert(named.length > 100, `only ${named.length} recordings are named`);
  for (const name of named) assert(names.has(name), `there is no recording ${name}`);
});

/** The parts of a document with a heading of level three, by their headings. */
function sectionsOf(document: string): Map<string, string> {
  const parts = read(document).split(/^#{2,3} /m).slice(1);
  return new Map(parts.map((part) => [part.split("\n", 1)[0], part]));
}

/** The TypeScript files in a folder, from the project's. */
function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

test("architecture.md › the states of a protocol › are those of its code", () => {
  const described = new Set<string>();
  for (const [heading, text] of sectionsOf("docs/architecture.md")) {
    const file = /: `(core\/.*\.ts)`$/.exec(heading)?.[1];
    if (file === undefined) continue;
    const [, union] = /#state:\s*((?:\|?\s*"[\w-]+"\s*)+)/.exec(read(file))!;
    const states = [...union.matchAll(/"([\w-]+)"/g)].map(([, state]) => state);
    const told = [...text.matchAll(/^\| `([\w-]+)`/gm)].map(([, state]) => state);
    assert.deepEqual(told, states, file);
    described.add(file);
  }
  const protocols = sourcesIn("core").filter((file) =>
    / implements Protocol</.test(read(file)) && /^ {2}#state:/m.test(read(file))
  );
  assert(protocols.length >= 8, `only ${protocols.length} protocols were found`);
  for (const file of protocols) assert(described.has(file), `${file} has no table of states`);
});

test("architecture.md › the table of folders › has every folder with code of the packages", () => {
  const table = /^\| folder .*?\n\n/ms.exec(read("docs/architecture.md"))?.[0] ?? "";
  const { publish } = JSON.parse(read("deno.json"));
  const folders = publish.include.filter((name: string) => name.endsWith("/"));
  for (const folder of [...folders, "extractor/", "fleet/", "cli/"]) {
    assert(table.includes(`\`${folder}`), `docs/architecture.md has no row for ${folder}`);
  }
});

test("architecture.md › the way of a command › has existing functions, and no file twice", () => {
  const ways = [...sectionsOf("docs/architecture.md")].filter(([, text]) => /^1\. `/m.test(text));
  assert.equal(ways.length, 3);
  for (const [heading, text] of ways) {
    const steps = [...text.matchAll(/^\d+\. `([\w.]+)` \(`([\w/]+\.ts)`/gm)];
    assert(steps.length >= 10 && steps.length <= 15, `${heading}: ${steps.length} steps`);
    const files = steps.map(([, , file]) => file);
    assert.equal(new Set(files).size, files.length, `${heading} names a file twice`);
    for (const [, name, file] of steps) {
      const source = read(file);
      for (const part of name.split(".")) {
        assert.match(source, new RegExp(`\\b${part}\\b`), `${file} has no ${part}`);
      }
    }
  }
});
