/**
 * The relay of the example as a program, on the runtime that runs this test.
 *
 * @module
 */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ConnectionLostError } from "../../../core/mod.ts";
import { ImapClient, serve } from "../../../imap/mod.ts";
import { listen } from "../../../transports/mod.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { createKeys } from "../xkeysync/keys.ts";
import { RelayProgram } from "./program.ts";

const alice = { username: "alice", password: "s3cret" };

/** A server to relay to, and a configuration file that names it. */
async function prepare() {
  const temporary = await temporaryFolder();
  const listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
  const server = serve(listener, {
    authenticate: ({ user, password }) => password === "s3cret" ? user : undefined,
  });
  assert(server.address.transport === "tcp");
  const { hostname, port } = server.address;
  const path = join(temporary.path, "relay.json");
  const config = {
    listen: { hostname: "127.0.0.1", port: 0 },
    upstream: { hostname, port },
    commands: ["xkeysync"],
  };
  await writeFile(path, JSON.stringify(config));
  return {
    path,
    config,
    async [Symbol.asyncDispose]() {
      await server.close();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

test("imap_relay.ts › as a program › relays, exchanges keys, and ends with SIGTERM", async () => {
  await using prepared = await prepare();
  const program = new RelayProgram([prepared.path]);
  try {
    const target = { hostname: "127.0.0.1", port: await program.port() };
    await using client = await ImapClient.connect(target, alice);
    assert(client.hasCapability("XKEY"));
    const [key] = await createKeys(1);
    await using other = await ImapClient.connect(target, alice);
    await assert.rejects(async () => {
      for await (const response of client.longCommand("XKEYSYNC")) {
        // It is ended in the middle of a command, and says so.
        if (response.type === "continuation") await other.command("XKEYADD", [key.pem]);
        else if (response.type === "untagged" && response.values.length === 1) {
          program.terminate();
        }
      }
    }, (error: Error) => {
      assert(error instanceof ConnectionLostError);
      assert.match(error.message, /BYE Server shutting down\./);
      return true;
    });
    assert.equal(await program.exit(), 0);
    assert.equal(program.errors, "");
  } finally {
    program.kill();
  }
});

test("imap_relay.ts › a bad configuration › ends it with the reason and a code", async () => {
  await using prepared = await prepare();
  const { path, config } = prepared;
  const taken = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
  assert(taken.address.transport === "tcp");
  const { port } = taken.address;
  const cases: readonly [string | undefined, number, RegExp][] = [
    [undefined, 78, /^The configuration is missing\. Give the path of a JSON file\.$/],
    ["{", 78, /relay\.json is no JSON/],
    [JSON.stringify({ ...config, commands: ["xfoo"] }), 78, /"commands" must be a list/],
    [JSON.stringify({ ...config, store: "none.ts" }), 78, /"store".*openKeyStore/],
    [
      JSON.stringify({ ...config, doveadm: { url: "http:::" } }),
      78,
      /"doveadm\.url" can't be used/,
    ],
    [JSON.stringify({ ...config, listen: { hostname: "127.0.0.1", port } }), 1, /Cannot listen at/],
  ];
  for (const [text, code, message] of cases) {
    if (text !== undefined) await writeFile(path, text);
    const program = new RelayProgram(text === undefined ? [] : [path]);
    assert.equal(await program.exit(), code, program.errors);
    assert.match(program.errors.trimEnd(), message);
    assert.doesNotMatch(program.errors, / at .*\.ts:\d/, "a stack");
  }
  await taken.close();
});
