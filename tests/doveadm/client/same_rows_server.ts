/**
 * Starts a Dovecot that every command of the catalogue has something to answer from.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { connect, type DoveadmCall, type DoveadmClient, type RunOptions } from "../../../mod.ts";
import { defaultMail, type Dovecot, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { dictOf, fsOf, type Place, type Row, type Way, ways } from "./same_rows_calls.ts";

const html = "<html><body><p>Fünf &amp; mehr</p></body></html>";
const parts = [
  "From: Zoë <zoe@example.org>",
  "To: bob@example.org",
  "Subject: =?utf-8?q?Caf=C3=A9?=",
  "Message-ID: <1@example.org>",
  "MIME-Version: 1.0",
  "Content-Type: multipart/mixed; boundary=b",
  "",
  "--b",
  "Content-Type: text/plain; charset=utf-8",
  "",
  "Grüße\tund – mehr",
  "--b",
  "Content-Type: text/html; charset=utf-8",
  "Content-Transfer-Encoding: base64",
  "",
  btoa(String.fromCharCode(...new TextEncoder().encode(html))),
  "--b--",
  "",
].join("\n");
const latin = new Uint8Array([...new TextEncoder().encode("Subject: latin\n\ncaf"), 0xe9, 0x0a]);

/** The mail of the users for writing: the same for each way. */
const own = {
  INBOX: [parts, "Subject: two\n\nTwo.\n", "Subject: three\n\nThree.\n"],
  Old: [parts, "Subject: old\n\nOld.\n"],
};

/** Starts a server; `searchIndex` as in `startDovecot()`. */
export async function startFullDovecot(
  version: Place["version"],
  { searchIndex = false }: { readonly searchIndex?: boolean } = {},
): Promise<Dovecot> {
  return await startDovecot({
    ...{ version, everything: true, searchIndex },
    // No process works at the queue for indexing, so that it isn't empty.
    extraConfig: version === "2.4"
      ? "service indexer-worker {\n  executable = /bin/sleep 600\n}\n"
      : "",
    users: ["alice", "bob", "carol", ...ways],
    mail: {
      ...defaultMail,
      bob: { INBOX: [parts], Übung: [] },
      carol: { INBOX: [latin] },
      ...Object.fromEntries(ways.map((way) => [way, own])),
    },
  });
}

/** A client for each way; the caller closes them. */
export function clientsOf(dovecot: Dovecot): Readonly<Record<Way, DoveadmClient>> {
  const { socket: path, port, httpPort, password } = dovecot;
  return {
    unix: connect({ path }),
    tcp: connect({ hostname: "127.0.0.1", port }, { password }),
    http: connect(`http://127.0.0.1:${httpPort}`, { password }),
  };
}

/** Runs a call whose name isn't known before the program runs. */
export async function runCall(client: DoveadmClient, call: DoveadmCall): Promise<Row[]> {
  const run = client.run as (name: string, parameters?: object) => Promise<Row[]>;
  return await run.call(client, ...call);
}

/** Gives the rows of such a call as they come. */
export async function rowsOfCall(client: DoveadmClient, call: DoveadmCall): Promise<Row[]> {
  const rows = client.rows as (
    name: string,
    parameters?: object,
    options?: RunOptions,
  ) => AsyncGenerator<Row>;
  const [name, parameters = {}] = call;
  const got: Row[] = [];
  for await (const row of rows.call(client, name, parameters, { order: "users" })) got.push(row);
  return got;
}

/** Prepares on a server what the calls read. */
export async function prepare(client: DoveadmClient, place: Place): Promise<void> {
  const dict = dictOf(place);
  const fs = fsOf(place);
  const user = "alice";
  const attachments = join(place.folder, "users/sis/01/23");
  await mkdir(attachments, { recursive: true });
  await writeFile(join(attachments, "0123456789abcdef-1"), "");
  const seen = ["mailbox", "INBOX", "uid", "1"];
  const calls: DoveadmCall[] = [
    ["flags add", { user, flag: ["\\Seen", "$Forwarded"], query: seen }],
    ["mailbox subscribe", { user, mailbox: ["Sent", "Projects"] }],
    ["mailbox metadata set", { user, mailbox: "INBOX", key: "/private/comment", value: "mine" }],
    ["mailbox metadata set", { user, mailbox: "INBOX", key: "/shared/vendor/y", value: "all" }],
    [
      "mailbox metadata set",
      { user, allowEmptyMailboxName: true, mailbox: "", key: "/shared/vendor/x", value: "ours" },
    ],
    ["acl set", { user, mailbox: "Projects", id: "user=bob", right: ["lookup", "read"] }],
    ["acl set", { user, mailbox: "Projects", id: "owner", right: ["lookup", "read", "admin"] }],
    ["sieve put", { user, activate: true, scriptname: "one", file: "keep;" }],
    ["sieve put", { user, scriptname: "two", file: "# é\ndiscard;\n" }],
    ["dict set", { ...dict, user, key: "priv/color", value: "blue" }],
    ["dict set", { ...dict, user, key: "priv/deep/color", value: "a\tb\\c" }],
    ["dict set", { ...dict, key: "shared/n", value: "1" }],
    ["fs put", { ...fs, inputPath: `${place.folder}/passwd`, path: "sub/one" }],
    ["fs put", { ...fs, inputPath: `${place.folder}/passwd`, path: "two" }],
    ["mailbox cryptokey generate", { user, userKeyOnly: true }],
    ["mailbox cryptokey generate", { user, mailbox: "INBOX" }],
    ["quota recalc", { user }],
    // Mailboxes get UIDs when they are first looked at, and users metrics.
    ["mailbox status", { allUsers: true, field: ["uidvalidity"], mailboxMask: ["*"] }],
    ["fetch", { allUsers: true, field: ["imap.envelope"], query: ["all"] }],
  ];
  if (place.version === "2.3") {
    calls.push(
      ["replicator add", { userMask: "alice" }],
      ["director move", { user, host: "127.0.0.3" }],
    );
  } else {
    calls.push(
      ["index", { user, mailboxMask: ["INBOX"] }],
      ["mail dict set", { user, filterName: "dict_server", key: "priv/k", value: "v" }],
      ["indexer add", { user: "bob", mailbox: "INBOX" }],
      ["indexer add", { user: "bob", mailbox: "Übung" }],
    );
  }
  for (const call of calls) await runCall(client, call);
  // For the log's errors.
  await runCall(client, ["acl get", { user, mailbox: "Nosuch" }]).catch(() => {});
}

/** A process that stands for a user's session, and ends when it is kicked. */
export interface Session {
  /** Its id. */
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
  /** Ends it. */
  end(): void;
}

/** Starts a process that does nothing. */
export function startSession(): Session {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  const ended = once(child, "exit");
  return { pid: child.pid!, ended, end: () => child.kill("SIGKILL") };
}

/**
 * Tells the server's anvil, as a process of Dovecot's would, that a user has a session, or that an
 * address has to wait: these servers have no IMAP to log in to.
 */
export async function tellAnvil(
  { version, folder }: Place,
  news: { readonly user: string; readonly pid: number } | { readonly penalty: string },
): Promise<void> {
  const line = "penalty" in news
    ? `PENALTY-INC\t${news.penalty}\t7\t3`
    : version === "2.3"
    ? `CONNECT\t${news.pid}\timap/10.0.0.1/${news.user}`
    : `CONNECT\t${"0".repeat(24)}${news.pid.toString().padStart(8, "0")}\t${news.pid}\t` +
      `${news.user}\timap\t10.0.0.1\tN\t10.0.0.9`;
  const hello = version === "2.3" ? "VERSION\tanvil\t1\t0\n" : "VERSION\tanvil-client\t2\t0\n\n";
  const socket = connectSocket(`${folder}/run/anvil`);
  await once(socket, "connect");
  // The answer to a later request shows that it has read this.
  socket.write(`${hello}${line}\nPENALTY-GET\tnobody\n`);
  let answer = "";
  while (!/^0 0$/m.test(answer)) answer += (await once(socket, "data"))[0];
  socket.destroy();
}
