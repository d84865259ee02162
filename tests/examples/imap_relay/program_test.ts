/**
 * The relay of the example as a program, on the runtime that runs this test.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ConnectionLostError } from "../../../core/mod.ts";
import { ImapClient, serve } from "../../../imap/mod.ts";
import { listen } from "../../../transports/mod.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { createKeys } from "../xkeysync/keys.ts";

const file = fileURLToPath(new URL("../../../examples/imap_relay.ts", import.meta.url));

const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];

const alice = { username: "alice", password: "s3cret" };

/** A program that runs. */
class Program {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<readonly [number | null, string | null]>;
  #said = "";
  errors = "";

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [...flags, file, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout.on("data", (chunk) => this.#said += chunk);
    this.#child.stderr.on("data", (chunk) => this.errors += chunk);
    this.#ended = once(this.#child, "close") as Promise<[number | null, string | null]>;
  }

  /** Resolves to the port that it listens at. */
  async port(): Promise<number> {
    for (;;) {
      const [, port] = /port: (\d+)/.exec(this.#said) ?? [];
      if (port !== undefined) return Number(port);
      const heard = once(this.#child.stdout, "data");
      const ended = this.#ended.then(() => assert.fail(`it ended: ${this.errors}`));
      await Promise.race([heard, ended]);
    }
  }

  /** Asks it to stop. Deno would take the child's own kill() for the reason of its end. */
  terminate(): void {
    process.kill(this.#child.pid!, "SIGTERM");
  }

  /** Ends it, if it hasn't ended. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Resolves to its exit code, or the signal that killed it. */
  async exit(): Promise<number | string | null> {
    const [code, signal] = await this.#ended;
    return code ?? signal;
  }
}

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
  const program = new Program([prepared.path]);
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
    const program = new Program(text === undefined ? [] : [path]);
    assert.equal(await program.exit(), code, program.errors);
    assert.match(program.errors.trimEnd(), message);
    assert.doesNotMatch(program.errors, / at .*\.ts:\d/, "a stack");
  }
  await taken.close();
});
