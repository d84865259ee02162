/**
 * Dovecot's own client, the program `doveadm`, with our servers: the embedded one, and the policy
 * proxy in front of a real Dovecot. What it prints must be what it prints for that Dovecot itself.
 *
 * @module
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { servePolicyProxy } from "../../../examples/policy_proxy.ts";
import { CommandFailure, serve } from "../../../doveadm/server/mod.ts";
import { startMailServer } from "../../../testing/mod.ts";
import { type Address, peerName } from "../../../transports/transport.ts";
import { type Dovecot, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { RealClient, startReal } from "../../testing/differential/real_server.ts";
import { readState, takeOverSubscriptions } from "../../testing/differential/real_state.ts";
import { askHandler } from "../../testing/differential/embedded_server.ts";
import { mailHandler } from "../../../testing/mod.ts";

/** What the program printed, and how it ended. */
interface Printed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A place that the program can be sent to, with `-S`. */
interface Target {
  readonly server: string;
  readonly password: string;
}

function targetOf(address: Address, password = "unused"): Target {
  return { server: peerName(address).replace(/^\w+ /, ""), password };
}

/** Runs `doveadm` with a server, which stands where the arguments have "-S". */
function doveadm(
  { folder }: Dovecot,
  { server, password }: Target,
  args: readonly string[],
  input = "",
): Promise<Printed> {
  const words = args.flatMap((arg) => arg === "-S" ? ["-S", server] : [arg]);
  const config = ["-c", join(folder, "dovecot.conf"), "-o", `doveadm_password=${password}`];
  return new Promise((resolve, reject) => {
    const child = spawn("doveadm", [...config, ...words]);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => stdout += chunk);
    child.stderr.setEncoding("utf8").on("data", (chunk) => stderr += chunk);
    child.on("error", reject);
    child.on(
      "close",
      (code) => resolve({ code, stdout, stderr: stderr.replaceAll(server, "SERVER") }),
    );
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

/** A real Dovecot, the embedded server with the same mail, and the proxy in front of the real one. */
async function setUp(): Promise<
  AsyncDisposable & Record<"dovecot", Dovecot> & Record<Name, Target>
> {
  const stack: AsyncDisposable[] = [];
  const use = <T extends AsyncDisposable>(resource: T): T => {
    stack.push(resource);
    return resource;
  };
  const dovecot = use(await startReal("2.3"));
  const { password } = dovecot;
  const client = use(new RealClient(dovecot));
  const state = await readState((question) => client.ask(question));
  await takeOverSubscriptions(askHandler(mailHandler(state.system)), state);
  const { system } = state;
  const { path: folder } = use(await temporaryFolder());
  const embeddedTcp = use(await startMailServer({ system, settings: { password } }));
  const path = join(folder, "doveadm-server");
  const embeddedUnix = use(await startMailServer({ system, place: { path } }));
  const proxy = use(
    await servePolicyProxy({
      hostname: "127.0.0.1",
      port: 0,
      upstream: `doveadm+unix://${dovecot.passwordSocket}`,
      upstreamPassword: password,
      rules: {
        "the admin": { token: "t0ken", commands: ["*"], users: ["*"] },
        "the web shop": {
          token: "0ther",
          commands: ["mailbox list", "fetch", "quota *", "copy"],
          users: ["bob", "*@example.org"],
        },
      },
    }),
  );
  return {
    dovecot,
    realTcp: { server: `127.0.0.1:${dovecot.port}`, password },
    realUnix: { server: dovecot.socket, password: "unused" },
    embeddedTcp: targetOf(embeddedTcp.address, password),
    embeddedUnix: targetOf(embeddedUnix.address),
    proxy: targetOf(proxy.address, "t0ken"),
    restricted: targetOf(proxy.address, "0ther"),
    async [Symbol.asyncDispose]() {
      for (const resource of stack.reverse()) await resource[Symbol.asyncDispose]();
    },
  };
}

type Name = "realTcp" | "realUnix" | "embeddedTcp" | "embeddedUnix" | "proxy" | "restricted";

const everything =
  "user mailbox mailbox-guid seq uid guid flags modseq hdr body text size.physical " +
  "size.virtual date.received date.sent date.saved imap.envelope imap.bodystructure";

/** Commands that change nothing. */
const reading: readonly (readonly string[])[] = [
  ["mailbox", "list", "-S", "-u", "alice"],
  ["mailbox", "list", "-S", "-u", "alice", "-s"],
  ["mailbox", "list", "-S", "-A"],
  ["mailbox", "list", "-S", "-u", "*@example.org", "A*"],
  ["-f", "tab", "mailbox", "status", "-S", "-u", "alice", "all", "*"],
  ["mailbox", "status", "-S", "-u", "alice", "-t", "messages vsize", "*"],
  ["-f", "json", "mailbox", "status", "-S", "-A", "messages unseen", "INBOX"],
  ["mailbox", "status", "-S", "-u", "alice", "messages", "Missing"],
  ["quota", "get", "-S", "-u", "alice"],
  ["-f", "tab", "quota", "get", "-S", "-A"],
  ["search", "-S", "-u", "alice", "mailbox", "INBOX", "seen"],
  ["search", "-S", "-u", "alice", "mailbox", "*", "subject", "lunch"],
  ["search", "-S", "-A", "all"],
  ["search", "-S", "-u", "alice", "mailbox", "Missing", "all"],
  ["-f", "tab", "fetch", "-S", "-u", "alice", "uid flags hdr.subject", "mailbox", "INBOX"],
  ["-f", "flow", "fetch", "-S", "-u", "alice", "uid size.virtual", "mailbox", "*", "larger", "200"],
  ["fetch", "-S", "-u", "alice", "uid flags hdr.subject body", "mailbox", "Sent Items"],
  // A value that is cut on its way, as some of a long reply are, is printed otherwise in its other
  // formats, and in this one if the cut is within a character.
  ["-f", "json", "fetch", "-S", "-u", "alice", everything, "mailbox", "Lists"],
  ["-f", "json", "fetch", "-S", "-u", "alice", everything, "mailbox", "Archive/2024"],
  ["-f", "json", "fetch", "-S", "-A", "uid flags size.virtual", "mailbox", "*"],
  ...Array.from({ length: 18 }, (_, at) => {
    const query = ["mailbox", "INBOX", "uid", String(at + 1)];
    return ["-f", "json", "fetch", "-S", "-u", "alice", everything, ...query];
  }),
  ["fetch", "-S", "-u", "alice", "text", "mailbox", "Missing"],
  ["mailbox", "list", "-S", "-u", "nobody"],
  ["mailbox", "list", "-S", "-u", "alice", "--bogus"],
];

/** Commands that change something, each with its input, and what shows the change. */
function writing(user: string): readonly { args: readonly string[]; input?: string }[] {
  const mail = "From: x@example.net\nSubject: by hand\n\n.a dot\n..two\n.\nend";
  const inbox = ["-S", "-u", user, "mailbox", "INBOX"];
  const show = ["-f", "tab", "fetch", "-S", "-u", user, "uid flags hdr.subject size.virtual body"];
  return [
    { args: ["save", "-S", "-u", user, "-m", "INBOX"], input: mail },
    { args: ["save", "-S", "-u", user, "-m", "Missing"], input: mail },
    { args: ["save", "-S", "-u", "nobody"], input: mail },
    { args: ["flags", "add", "-S", "-u", user, "\\Flagged $Work", "mailbox", "INBOX", "1:2"] },
    { args: ["flags", "add", "-S", "-u", user, "\\Bogus", "mailbox", "INBOX", "1:2"] },
    { args: ["expunge", ...inbox, "flagged", "seen"] },
    { args: ["expunge", "-S", "-u", user, "mailbox", "Missing", "all"] },
    { args: [...show, "mailbox", "INBOX"] },
    { args: ["quota", "get", "-S", "-u", user] },
    { args: ["mailbox", "status", "-S", "-u", user, "messages uidnext vsize", "INBOX"] },
  ];
}

/** The program prints the same for both, and ends in the same way. */
function alike(one: Printed, other: Printed, what: string): void {
  assert.equal(one.stdout, other.stdout, what);
  assert.equal(one.code, other.code, what);
  assert.equal(one.stderr === "", other.stderr === "", `${what}\n${one.stderr}\n${other.stderr}`);
}

test("doveadm program › the embedded server and the proxy › the same output as with a real Dovecot", async () => {
  await using setup = await setUp();
  const { dovecot } = setup;
  const codes = new Set<number | null>();
  for (const args of reading) {
    const what = args.join(" ");
    const real = await doveadm(dovecot, setup.realTcp, args);
    codes.add(real.code);
    for (const name of ["realUnix", "embeddedTcp", "embeddedUnix", "proxy"] as const) {
      alike(await doveadm(dovecot, setup[name], args), real, `${name}: ${what}`);
    }
  }
  for (const { args, input } of writing("alice")) {
    const real = await doveadm(dovecot, setup.realTcp, args, input);
    codes.add(real.code);
    alike(await doveadm(dovecot, setup.embeddedTcp, args, input), real, args.join(" "));
  }
  for (const { args, input } of writing("bob")) {
    const real = await doveadm(dovecot, setup.proxy, args, input);
    alike(
      await doveadm(dovecot, setup.embeddedUnix, args, input),
      real,
      `proxy: ${args.join(" ")}`,
    );
  }
  for (const code of [0, 64, 67, 68]) assert(codes.has(code), `nothing ended with ${code}`);
});

test("doveadm program › the proxy, commands that its policy forbids › are refused and not passed on", async () => {
  await using setup = await setUp();
  const { dovecot, restricted } = setup;
  const allowed = [
    ["mailbox", "list", "-S", "-u", "bob"],
    ["quota", "get", "-S", "-u", "dora@example.org"],
    ["fetch", "-S", "-u", "bob", "uid text", "all"],
  ];
  for (const args of allowed) {
    const what = args.join(" ");
    alike(
      await doveadm(dovecot, restricted, args),
      await doveadm(dovecot, setup.realTcp, args),
      what,
    );
  }
  const refused: readonly (readonly [args: string[], why: RegExp])[] = [
    [
      ["search", "-S", "-u", "bob", "all"],
      /"search" is refused to "the web shop": its rule doesn't allow/,
    ],
    [
      ["expunge", "-S", "-u", "bob", "mailbox", "INBOX", "all"],
      /its rule doesn't allow the command/,
    ],
    [["save", "-S", "-u", "bob"], /its rule doesn't allow the command/],
    [
      ["mailbox", "list", "-S", "-u", "alice"],
      /acts on "alice", and its rule doesn't allow that user/,
    ],
    [["copy", "-S", "-u", "bob", "INBOX", "user", "alice", "all"], /"sourceUser" names "alice"/],
  ];
  const before = await readFile(join(dovecot.folder, "dovecot.log"), "utf8");
  for (const [args, why] of refused) {
    const { code, stdout, stderr } = await doveadm(dovecot, restricted, args, "Subject: x\n\n");
    assert.equal(code, 77, `${args.join(" ")}: ${stderr}`);
    assert.equal(stdout, "");
    assert.match(stderr, why);
  }
  assert.equal(await readFile(join(dovecot.folder, "dovecot.log"), "utf8"), before);
  const { code, stderr } = await doveadm(
    dovecot,
    { ...restricted, password: "wrong" },
    ["mailbox", "list", "-S", "-u", "bob"],
  );
  assert.notEqual(code, 0);
  assert.match(stderr, /authentication failed/);
});

test("doveadm program › a handler that fails with a very long message › prints all of it", async () => {
  await using dovecot = await startDovecot({ version: "2.3", users: ["alice"] });
  for (const log of ["x".repeat(100_000), "€".repeat(40_000), `${"a".repeat(8191)}😀`.repeat(5)]) {
    const place = { hostname: "127.0.0.1", port: 0, password: "s3cret" };
    await using server = await serve(place, () => {
      throw new CommandFailure("NOTFOUND", { log });
    });
    const target = targetOf(server.address, "s3cret");
    const { code, stderr } = await doveadm(dovecot, target, [
      "mailbox",
      "list",
      "-S",
      "-u",
      "alice",
    ]);
    assert.equal(code, 68);
    assert.equal(stderr.replaceAll(/^.*SERVER\): |\n/gm, ""), log);
  }
});

test("doveadm program › the command lines in the documents › reach a server", async () => {
  await using dovecot = await startDovecot({ version: "2.3", users: ["alice"] });
  const place = { hostname: "127.0.0.1", port: 0, password: "s3cret" };
  await using server = await serve(place, () => ["INBOX"]);
  for (const file of ["docs/server.md", "examples/policy_proxy.ts"]) {
    const text = await readFile(new URL(`../../../${file}`, import.meta.url), "utf8");
    const [, line] = /\bdoveadm (-.* mailbox list .*-u [\w@.]+)/.exec(text) ?? assert.fail(file);
    const args = line.split(" ").map((word) =>
      word.replace(/^doveadm_password=.*/, "doveadm_password=s3cret")
    ).filter((word) => !/^127\.0\.0\.1:/.test(word));
    const printed = await doveadm(dovecot, targetOf(server.address), args);
    assert.deepEqual([printed.stderr, printed.code], ["", 0], line);
    assert.match(printed.stdout, /INBOX/);
  }
});
