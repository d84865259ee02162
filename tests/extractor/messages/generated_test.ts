import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { GENERATED, generateMessages, lintMessages } from "../../../scripts/generate_messages.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

test("extractor messages › buf lint › no complaints", async () => {
  await lintMessages();
});

test("extractor messages › generated TypeScript › up to date", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dovewire-"));
  try {
    await generateMessages(folder);
    for (const file of GENERATED) {
      const [text, now] = await Promise.all(
        [root, folder].map((folder) => readFile(join(folder, file), "utf8")),
      );
      const how = `${file} is out of date: run "deno run -A scripts/generate_messages.ts".`;
      assert(text === now, how);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
