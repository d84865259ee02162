/**
 * The policy proxy in front of real servers of both versions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect as dial, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { findCommand, namedThings } from "../../../core/doveadm/catalogue/mod.ts";
import { encodeUtf8, LocalProtocolError } from "../../../core/mod.ts";
import { servePolicyProxy } from "../../../examples/policy_proxy.ts";
import { CommandError, connect } from "../../../mod.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { RAW } from "../../harness/dovecot/wire.ts";
import {
  bytesOf,
  exchange,
  firstLines,
  forEach,
  mailboxes,
} from "../../core/doveadm/first_lines.ts";
import { temporaryFolder } from "../../harness/sockets.ts";

/**
 * Starts a server whose processes serve one connection after another, for as long as the test takes: one that has
 * been idle and is about to end may still accept a connection, which is then opened twice.
 */
function startLasting(version: DovecotVersion, more: string): Promise<Dovecot> {
  const settings = version === "2.3"
    ? "service_count = 100000\n  idle_kill = 600s"
    : "restart_request_count = 100000\n  idle_kill_interval = 600s";
  const extraConfig = `mail_fsync = never\nservice doveadm {\n  ${settings}\n}\n${more}`;
  return startDovecot({ version, extraConfig, hasClients: true });
}

/** A relay in front of a server that counts its connections. */
interface Relay extends AsyncDisposable {
  readonly path: string;
  readonly connections: () => number;
}

async function relayTo({ socket }: Dovecot, path: string): Promise<Relay> {
  let count = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    count++;
    const upstream = dial({ path: socket, allowHalfOpen: true });
    client.pipe(upstream).pipe(client);
    for (const end of [client, upstream]) {
      end.on("error", () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    connections: () => count,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Settings of two shared namespaces, "shared/" and "hidden/", the latter of which doveadm hasn't. */
function sharedNamespaces(version: DovecotVersion): string {
  const namespace = (name: string) => {
    const place = version === "2.3"
      ? `prefix = ${name}/%%u/\n  location = maildir:%%h/Maildir`
      : `prefix = ${name}/$user/\n  mail_driver = maildir\n  mail_path = %{owner_home}/Maildir`;
    const rest = "separator = /\n  subscriptions = no\n  list = children";
    return `namespace ${name} {\n  type = shared\n  ${place}\n  ${rest}\n}\n`;
  };
  const hiding = "protocol doveadm {\n  namespace hidden {\n    disabled = yes\n  }\n}\n";
  return namespace("shared") + namespace("hidden") + hiding;
}

/** A Dovecot with alice and bob, and the proxy in front of it at a socket. */
async function setUp(version: DovecotVersion): Promise<
  & AsyncDisposable
  & { readonly dovecot: Dovecot; readonly relay: Relay; readonly proxy: string }
> {
  const stack: AsyncDisposable[] = [];
  const use = <T extends AsyncDisposable>(resource: T): T => {
    stack.push(resource);
    return resource;
  };
  const dovecot = use(await startLasting(version, sharedNamespaces(version)));
  const { path } = use(await temporaryFolder());
  const relay = use(await relayTo(dovecot, join(path, "relay")));
  const proxy = join(path, "proxy");
  use(
    await servePolicyProxy({
      path: proxy,
      mode: 0o666,
      upstream: `doveadm+unix://${relay.path}`,
      version,
      rules: {
        reader: {
          token: "reader",
          commands: ["copy", "move", "user", "kick", "save", "fetch", "import", "who", "search"],
          users: ["alice"],
        },
        saver: { token: "saver", commands: ["save"], users: ["alice", "nobody"] },
        everyone: { token: "everyone", commands: ["*"], users: ["*"] },
        admin: { token: "admin", commands: ["*"], users: ["*"], trusted: true },
      },
    }),
  );
  return {
    ...{ dovecot, relay, proxy },
    async [Symbol.asyncDispose]() {
      for (const resource of stack.reverse()) await resource[Symbol.asyncDispose]();
    },
  };
}

/** A line of a test: the sender, the user, the words, and the expected code. */
type Line = readonly [who: string, user: string | undefined, name: string, args: string[]];

const bob = ["mailbox", "INBOX", "all"];

/** Commands that get NOPERM, and don't reach the server. */
const refused: readonly Line[] = [
  ["reader", "alice", "copy", ["INBOX", "USER", "bob", ...bob]],
  ["reader", "alice", "copy", ["INBOX", "user", "bob", ...bob]],
  ["reader", "alice", "copy", ["--query=INBOX", "--query=user", "--query=bob", "--query=all"]],
  ["reader", "alice", "copy", ["INBOX", "--source-user=bob", ...bob]],
  ["reader", "alice", "move", ["INBOX", "uSER", "bob", ...bob]],
  ["reader", "alice", "move", ["INBOX", "--source-type=USER", "--source-user=bob", ...bob]],
  ["reader", "alice", "import", ["-U", "bob", "maildir:~/Maildir", "", "all"]],
  ["reader", "alice", "import", ["maildir:/home/bob/Maildir", "", "all"]],
  ["reader", "alice", "import", ["--query=maildir:/home/bob", "--query=", "--query=all"]],
  ["reader", "alice", "user", ["*"]],
  ["reader", "alice", "user", ["alice"]],
  ["reader", "alice", "kick", ["bob"]],
  ["reader", "alice", "who", []],
  ["reader", "alice", "save", ["/etc/hostname"]],
  ["reader", "alice", "save", ["--file=/etc/hostname"]],
  ["reader", "alice", "save", ["-m", "INBOX", "--", "/etc/hostname"]],
  ["reader", "alice", "fetch", ["-A", "hdr.subject", "all"]],
  ["reader", "alice", "fetch", ["-F", "/etc/passwd", "hdr.subject", "all"]],
  ["reader", "alice", "fetch", ["hdr.subject", "all", "-S", "192.0.2.1:24245"]],
  ["reader", "alice", "fetch", ["-u", "bob", "hdr.subject", "all"]],
  ["reader", "bob", "fetch", ["hdr.subject", "all"]],
  ["reader", "*", "fetch", ["hdr.subject", "all"]],
  ["reader", undefined, "fetch", ["hdr.subject", "all"]],
  ["reader", "alice", "mailbox list", []],
  ["reader", "alice", "exec", ["imap"]],
  ["everyone", "alice", "save", ["/etc/hostname"]],
  ["everyone", "alice", "sync", ["ssh", "host", "doveadm", "dsync-server"]],
  ["everyone", "alice", "dsync-server", []],
  ["everyone", undefined, "fs get", ["posix", "prefix=/", "etc/passwd"]],
  ["admin", undefined, "exec", ["imap"]],
];

/** Commands that get USAGE, and don't reach the server either, whose process would die of them. */
const deadly: readonly Line[] = [
  ["reader", "alice", "fetch", ["--bogus"]],
  ["reader", "alice", "fetch", ["nosuchfield", "all"]],
  ["reader", "alice", "search", ["nosuchkey"]],
  ["reader", "alice", "copy", []],
  ["everyone", "alice", "mailbox create", []],
  ["admin", "alice", "mailbox status", ["nosuchfield", "*"]],
];

/** Commands that are answered, with what their values contain. */
const answered: readonly (readonly [...Line, value: RegExp])[] = [
  ["reader", "alice", "fetch", ["hdr.subject", "mailbox", "INBOX"], /./],
  ["reader", "alice", "fetch", ["-u", "alice", "user", "mailbox", "INBOX"], /alice/],
  ["reader", "alice", "copy", ["Projects", "mailbox", "INBOX", "from", "user"], /^$/],
  ["reader", "alice", "search", ["mailbox", "INBOX", "all"], /\d/],
  ["everyone", "bob", "mailbox list", [], /INBOX/],
  ["everyone", undefined, "user", ["*"], /"alice".*"bob"|"bob".*"alice"/],
  ["admin", undefined, "user", ["-f", "home", "alice"], /alice/],
  ["admin", "alice", "copy", ["Projects", "user", "bob", "mailbox", "INBOX", "from", "x"], /^$/],
];

/** Reads the source's user as copies do, and returns whose mail a server copied. */
const copies: readonly string[][] = [
  ["Projects", "USER", "bob", ...bob],
  ["Projects", "user", "bob", ...bob],
  ["Projects", ...bob, "from", "user"],
  ["Projects", "from", "user", "all"],
  ["user", "bob", "--destination-mailbox=Projects", ...bob],
  ["USER", "bob", "--dest=Projects", ...bob],
  ["Projects", "--source-type=user", "--source-user=bob", ...bob],
  ["Projects", "--source-type=USER", "bob", ...bob],
  ["Projects", "--source-user=bob", ...bob],
  ["--query=Projects", "--query=user", "--query=bob", "--query=all"],
  ["Projects", "--query=user", "--query=bob", "--query=all"],
  ["Projects", "--", "USER", "bob", ...bob],
];

/** The proxy's answers are as they should be, and nothing that is refused reaches the server. */
async function checkAnswers({ relay, proxy }: Awaited<ReturnType<typeof setUp>>): Promise<void> {
  const send = async ([who, user, name, args]: Line): Promise<string | readonly string[]> => {
    await using doveadm = connect({ path: proxy }, { password: who });
    const input = name === "save" ? { input: encodeUtf8("Subject: x\n\n\t\twho\n") } : {};
    try {
      return (await doveadm.send({ name, user, args, ...input })).fields;
    } catch (error) {
      assert(error instanceof CommandError, `${name} ${args.join(" ")}: ${error}`);
      return error.code;
    }
  };
  await forEach(refused, async (line) => {
    assert.equal(await send(line), "NOPERM", line.flat().join(" "));
  });
  await forEach(deadly, async (line) => {
    assert.equal(await send(line), "USAGE", line.flat().join(" "));
  });
  assert.equal(relay.connections(), 0, "something reached the server");
  const checkAnswer = async ([who, user, name, args, value]: (typeof answered)[number]) => {
    const fields = await send([who, user, name, args]);
    assert(Array.isArray(fields), `${name} ${args.join(" ")}: ${fields}`);
    assert.match(fields.join("\n"), value, name);
  };
  // A process that has run a command on mail stays the mail's owner, who may not list users.
  await forEach(answered.filter(([, user]) => user === undefined), checkAnswer);
  await forEach(answered.filter(([, user]) => user !== undefined), checkAnswer);
  assert.equal(relay.connections(), answered.length);
}

/** Whether a version reads the arguments of a copy as ones that name a source's user. */
function namesSource(args: readonly string[], version: DovecotVersion): boolean {
  try {
    return namedThings(findCommand("copy")!, args, version)
      .some(({ parameter }) => parameter === "sourceUser");
  } catch (error) {
    assert(error instanceof LocalProtocolError);
    return false;
  }
}

/** The server accesses another user's mail only where the catalogue says so. */
async function checkCopies(
  { dovecot }: Awaited<ReturnType<typeof setUp>>,
  version: DovecotVersion,
): Promise<void> {
  const { socket } = dovecot;
  const run = (user: string, ...words: string[]) =>
    exchange(socket, encodeUtf8(`${RAW}\t${user}\t${words.join("\t")}\n`));
  const saved = await exchange(
    socket,
    encodeUtf8(`${RAW}\tbob\tsave\nSubject: secret\n\nx\r\n.\r\n`),
  );
  assert.equal(saved, "\n+\n");
  let seen = 0;
  for (const args of copies) {
    await run("alice", "expunge", "mailbox", "Projects", "subject", "secret");
    await run("alice", "copy", ...args);
    const found = await run("alice", "fetch", "hdr.subject", "mailbox", "Projects");
    const names = namesSource(args, version);
    assert.equal(found.includes("secret"), names, `${version}: copy ${args.join(" ")}`);
    if (names) seen++;
  }
  assert(seen >= 3 && seen < copies.length);
}

/** As docs/policy.md says, shared namespaces give access to others' mail unless doveadm doesn't have them. */
async function checkShared({ proxy }: Awaited<ReturnType<typeof setUp>>): Promise<void> {
  await using doveadm = connect({ path: proxy }, { password: "reader" });
  const subjects = async (mailbox: string) => {
    const args = ["hdr.subject", "mailbox", mailbox, "subject", "secret"];
    return (await doveadm.send({ name: "fetch", user: "alice", args })).fields;
  };
  assert.deepEqual(await subjects("shared/bob/INBOX"), ["secret"]);
  assert.deepEqual(await subjects("hidden/bob/INBOX"), []);
}

/** What a client sends that puts no dot in front of a first line, unless it begins with one. */
function wireOf(user: string, args: readonly string[], input: string): string {
  return `\t${user}\tsave${args.map((arg) => `\t${arg}`).join("")}\n` +
    input.replaceAll(/(^|\n)\./g, "$1..") + "\r\n.\r\n";
}

/** Ways in which a save is refused: by the policy, or by the server, which has read it or not. */
const refusals: readonly (readonly [who: string, user: string, args: string[], code: string])[] = [
  ["saver", "bob", [], "NOPERM"],
  ["saver", "alice", ["/nonexistent"], "NOPERM"],
  ["saver", "alice", ["--bogus"], "USAGE"],
  ["saver", "alice", ["-U", "x"], "USAGE"],
  ["saver", "nobody", [], "NOUSER"],
  ["saver", "alice", ["-m", "Missing"], "NOTFOUND"],
  ["admin", "alice", ["/nonexistent"], "TEMPFAIL"],
];

/** No first line of an input runs, wherever the save is refused. */
async function checkFirstLines(
  { dovecot, proxy }: Awaited<ReturnType<typeof setUp>>,
): Promise<void> {
  const lines = firstLines.filter((line) => line.length < 10_000);
  assert(lines.length >= 200);
  const users = ["alice", "bob", "carol"];
  const boxes = () => Promise.all(users.map((user) => mailboxes(dovecot, user)));
  const before = await boxes();
  const runs = refusals.flatMap(([who, user, args, code]) =>
    // A connection answers one command after the other.
    [0, 1, 2].map((third) => ({
      ...{ who, user, args, code },
      inputs: lines.filter((_, at) => at % 3 === third),
    }))
  );
  await forEach(runs, async ({ who, user, args, code, inputs }) => {
    const login = `PLAIN\t${btoa(`\0doveadm\0${who}`)}\n`;
    const wires = inputs.map((input) => wireOf(user, args, input));
    const reply = await exchange(proxy, bytesOf(RAW + login + wires.join("")));
    assert.equal(reply, "-\n+\n" + `\n-${code}\n`.repeat(inputs.length), `${who}: ${user} ${args}`);
  });
  assert.deepEqual(await boxes(), before);
}

for (const version of ["2.3", "2.4"] as const) {
  test(`policy proxy › in front of Dovecot ${version} › passes on only what its rules allow`, async () => {
    await using setup = await setUp(version);
    await checkAnswers(setup);
    await checkCopies(setup, version);
    await checkShared(setup);
    await checkFirstLines(setup);
  });
}
