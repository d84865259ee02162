import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import { ConnectError, DoveadmHttp } from "../../../mod.ts";

/** Where clients connect to, and the flag that permits it. */
const places = [
  ["http://127.0.0.1:8123", "--allow-net=127.0.0.1:8123"],
  ["https://mail.example", "--allow-net=mail.example:443"],
] as const;

test("DoveadmHttp › a fetch that Deno's permissions forbid › a ConnectError with the flag, and nothing is sent", async () => {
  for (const [url, flag] of places) {
    const fetch = () => {
      const error = new Error("Requires net access, run again with the --allow-net flag");
      return Promise.reject(Object.assign(error, { name: "NotCapable" }));
    };
    await using client = new DoveadmHttp(url, { fetch });
    await assert.rejects(client.call("mailboxList", { user: "alice" }), (error: Error) => {
      assert(error instanceof ConnectError && !error.sent, error.message);
      return error.message.endsWith(` Deno doesn't permit this. Add ${flag}.`);
    });
  }
});

if ("Deno" in globalThis) {
  test("DoveadmHttp › Deno without --allow-net › a ConnectError with the flag", async () => {
    const program = `
    import { DoveadmHttp } from ${JSON.stringify(new URL("../../../mod.ts", import.meta.url))};
    for (const url of ${JSON.stringify(places.map(([url]) => url))}) {
      await using client = new DoveadmHttp(url);
      await client.call("who").catch(({ name, message }) => console.log(name, message));
    }`;
    const module = `data:application/javascript,${encodeURIComponent(program)}`;
    const run = promisify(execFile)(process.execPath, [
      ...["run", "--no-prompt", "--no-check", "--quiet", "--allow-read", "--allow-import", module],
    ]);
    const lines = (await run).stdout.trimEnd().split("\n");
    assert.equal(lines.length, places.length);
    for (const [at, [, flag]] of places.entries()) {
      assert(
        lines[at].startsWith("ConnectError ") && lines[at].endsWith(`Add ${flag}.`),
        lines[at],
      );
    }
  });
}
