/**
 * Runs the benchmarks on Deno, Node and Bun: all of them, or those whose names it is given.
 *
 * @module
 */

import { names } from "../bench/bounds.ts";
import { compareColdStarts } from "../bench/cold_start.ts";
import { LOGIN } from "../bench/imap/client.ts";
import type { Setting } from "../bench/imap_relay.ts";
import { startDovecot } from "../tests/harness/dovecot/dovecot.ts";
import { buildNpm } from "./build_npm.ts";
import { compileCli } from "./compile_cli.ts";
import { findBun, findNode } from "./tools.ts";

const runtimes: readonly (readonly [string, string, readonly string[]])[] = [
  ["Deno", Deno.execPath(), ["run", "-A"]],
  ["Node", await findNode(), []],
  ["Bun", await findBun(), []],
];

/** The benchmarks by name; `run` runs a file in a runtime. */
const benches: Readonly<
  Record<string, (run: (...args: string[]) => Promise<void>) => Promise<void>>
> = {
  parse: (run) => run("bench/parse.ts"),
  async bounds(run) {
    for (const name of names) await run("bench/bounds.ts", name);
  },
  async transports(run) {
    await using peer = await startPeer();
    await run("bench/transports.ts", peer.places);
  },
  extractor: (run) => run("bench/extractor.ts"),
  async imap_relay(run) {
    const mails = 10_000;
    await using dovecot = await startDovecot({
      version: "2.4",
      ...{ imap: true, trusted: "127.0.0.1", users: [LOGIN.user], quota: "10G" },
      mail: { [LOGIN.user]: { INBOX: Array.from({ length: mails }, mailOf), Archive: [] } },
      extraConfig: "mail_max_userip_connections = 0",
    });
    const node = await findNode();
    const setting: Setting = { port: dovecot.imapPort!, mails, node };
    await run("bench/imap_relay.ts", JSON.stringify(setting));
  },
  pool: (run) => run("bench/pool.ts"),
  imap_memory: async (run) => await run("bench/imap_memory.ts", await findNode()),
  users: (run) => run("bench/users.ts"),
  sweep: (run) => run("bench/sweep.ts"),
  async cold_start() {
    await buildNpm();
    await compareColdStarts({
      node20: await findNode(20),
      node24: await findNode(24),
      bun: await findBun(),
      deno: Deno.execPath(),
      compiled: await compileCli(Deno.build.arch === "aarch64" ? "arm64" : "x64"),
    });
  },
  async maildir(run) {
    const path = await Deno.makeTempDir();
    try {
      await fillMaildir(path);
      await run("bench/maildir.ts", path);
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  },
};

async function startPeer(): Promise<AsyncDisposable & { readonly places: string }> {
  const peer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "bench/transports/peer.ts"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  let places = "";
  for await (const text of peer.stdout.pipeThrough(new TextDecoderStream())) {
    places += text;
    if (places.endsWith("\n")) break;
  }
  return {
    places,
    async [Symbol.asyncDispose]() {
      await peer.stdin.close();
      await peer.status;
    },
  };
}

/** A mail of 2.4 KB. */
function mailOf(_: unknown, number: number): string {
  const headers = [
    `From: Sender ${number} <${number}@example.org>`,
    "To: Alice <alice@example.org>",
    `Subject: Mail ${number}`,
    `Message-ID: <${number}@example.org>`,
    "Date: Mon, 05 Jan 2026 11:30:00 +0000",
  ];
  return `${headers.join("\n")}\n\n${`${"x".repeat(76)}\n`.repeat(28)}`;
}

/** Creates a maildir of 100,000 small mails, with a folder that has them without sizes in their names. */
async function fillMaildir(path: string): Promise<void> {
  for (const name of ["cur", "new", "tmp", ".Unsized/cur", ".Unsized/new", ".Unsized/tmp"]) {
    await Deno.mkdir(`${path}/${name}`, { recursive: true });
  }
  for (let number = 0; number < 100_000; number++) {
    const seconds = 1_700_000_000 + number;
    // As if delivered in random order by some thousand senders.
    const sender = number * 7919 % 1000;
    const mail = `From: Somebody <${sender}@example.org>\nSubject: Mail ${number}\n\nHello.\n`;
    const unique = `${seconds}.M${number}P1234.host.example.org`;
    const file = `${path}/cur/${unique},S=${mail.length}:2,S`;
    Deno.writeTextFileSync(file, mail);
    Deno.utimeSync(file, seconds, seconds);
    Deno.linkSync(file, `${path}/.Unsized/cur/${unique}:2,S`);
  }
}

for (const name of Deno.args.length > 0 ? Deno.args : Object.keys(benches)) {
  await benches[name](async (...bench) => {
    for (const [runtime, command, args] of runtimes) {
      console.log(`\n${name} in ${runtime}`);
      const { success } = await new Deno.Command(command, { args: [...args, ...bench] }).spawn()
        .status;
      if (!success) Deno.exit(1);
    }
  });
}
