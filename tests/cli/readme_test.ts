/**
 * The commands in the program's README, at the server that it recommends to try them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startEmbedded } from "../../cli/serve/serve_embedded.ts";
import { blocksOf } from "../harness/documents.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { runWords } from "./run.ts";

/** Commands that run until they are ended. */
const endless: ReadonlySet<string> = new Set(["exporter", "serve", "top", "trace"]);

test("README of the program › its commands › succeed at the embedded server", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "server");
  const mail = join(folder.path, "draft.eml");
  await writeFile(mail, "Subject: Draft\n\nText.\n");
  const options = new Map([["embedded", [""]], ["listen", [path]]]);
  await using _ = await startEmbedded(options, new AbortController().signal);
  const lines = blocksOf("cli/README.md", "sh").join("").split("\n")
    .filter((line) => line.startsWith("dovewire "))
    .map((line) => line.replace(/ +[#|] .*$/, ""));
  assert(lines.length > 5, lines.join("\n"));
  for (const line of lines) {
    const words = (line.match(/"[^"]*"|\S+/g) ?? []).slice(1)
      .map((word) => word.replace(/^"(.*)"$/, "$1"))
      .flatMap((word) => word === "<" ? [] : word === "draft.eml" ? [mail] : [word]);
    if (endless.has(words[0])) continue;
    const { code, errors } = await runWords(["--server", path, ...words]);
    assert.equal(code, 0, `${line}: ${errors}`);
  }
});
