/**
 * What real servers do with values of parameters, and how they report failures, over TCP and HTTP.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { longOption, type ParameterContent } from "../../../core/doveadm/catalogue/mod.ts";
import {
  CommandError,
  connect,
  ConnectionLostError,
  type DoveadmClient,
  DoveadmConnection,
  LocalProtocolError,
} from "../../../mod.ts";
import { connect as connectTransport } from "../../../transports/mod.ts";
import { samples } from "../../core/doveadm/catalogue/content_samples.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";

const versions: readonly DovecotVersion[] = ["2.3", "2.4"];

/** A command to try a kind of values with, and its other arguments. */
interface Trial {
  readonly content: ParameterContent;
  readonly name: string;
  readonly parameter: string;
  readonly args?: readonly string[];
  readonly input?: string;
  readonly since?: DovecotVersion;
}

const mailbox = "--mailbox=INBOX";
const trials: readonly Trial[] = [
  { content: "query", name: "search", parameter: "query" },
  { content: "removal-query", name: "expunge", parameter: "query" },
  {
    content: "flags",
    name: "flags add",
    parameter: "flag",
    args: ["--query=mailbox", "--query=INBOX"],
  },
  { content: "guid", name: "mailbox update", parameter: "mailboxGuid", args: [mailbox] },
  { content: "uint32", name: "mailbox update", parameter: "minNextUid", args: [mailbox] },
  { content: "uint64", name: "mailbox update", parameter: "minHighestModseq", args: [mailbox] },
  { content: "metadata-key", name: "mailbox metadata get", parameter: "key", args: [mailbox] },
  { content: "acl-id", name: "acl set", parameter: "id", args: [mailbox, "--right=lookup"] },
  { content: "acl-right", name: "acl add", parameter: "right", args: [mailbox, "--id=owner"] },
  { content: "script-name", name: "sieve get", parameter: "scriptname" },
  {
    ...{ content: "cache-decision", name: "mailbox cache decision", parameter: "decision" },
    args: [mailbox, "--all"],
  },
  { content: "path-type", name: "mailbox path", parameter: "type", args: [mailbox] },
  { content: "single", name: "mailbox path", parameter: "mailbox" },
  { content: "auth-info", name: "user", parameter: "authInfo", args: ["--user-mask=alice"] },
  { content: "ip", name: "kick", parameter: "destHost", since: "2.4" },
  { content: "date", name: "save", parameter: "receivedDate", input: "x", since: "2.4" },
  { content: "not-empty", name: "save", parameter: "guid", input: "x", since: "2.4" },
  {
    ...{ content: "nanoseconds", name: "dict set", parameter: "timestamp", since: "2.4" },
    args: ["--filter-name=dict_server", "--key=shared/x", "--value=x"],
  },
];

/**
 * What a server does with values, on one connection: answers well, answers that it failed, or ends the
 * connection.
 */
async function outcomesOf(
  { socket }: Dovecot,
  user: string,
  { name, parameter, args = [], input }: Trial,
  values: readonly unknown[],
): Promise<("ok" | "failed" | "lost")[]> {
  const transport = await connectTransport({ transport: "unix", path: socket });
  await using connection = await DoveadmConnection.open(transport);
  const replies = values.map((value) => {
    const given = [value].flat().map((item) => `${longOption(parameter)}=${item}`);
    return connection.send({ name, user, args: [...args, ...given], input });
  });
  return (await Promise.allSettled(replies)).map((outcome) => {
    if (outcome.status === "fulfilled") return outcome.value.ok ? "ok" : "failed";
    assert(outcome.reason instanceof ConnectionLostError, String(outcome.reason));
    return "lost";
  });
}

/** How many of the wrong values of a kind are tried; all of them were, by hand. */
const tried = 3;

for (const version of versions) {
  test(`values › those that the catalogue refuses › end the connection to Dovecot ${version}, and no others`, async () => {
    // Each trial has a user of its own, since some change what others look at.
    const users = trials.map((_, at) => `user${at}`);
    await using dovecot = await startDovecot({
      ...{ version, everything: true, users: ["alice", ...users] },
      mail: Object.fromEntries(users.map((user) => [user, { INBOX: [mail("one", 10)] }])),
    });
    await Promise.all(trials.map(async (trial, at) => {
      if ((trial.since ?? "2.3") > version) return;
      const { right, wrong } = samples[trial.content];
      const what = `${trial.name} ${trial.parameter}`;
      const taken = await outcomesOf(dovecot, users[at], trial, right);
      assert(!taken.includes("lost"), `${what}: ${taken.join(" ")}`);
      for (const value of wrong.slice(0, tried)) {
        const [outcome] = await outcomesOf(dovecot, users[at], trial, [value]);
        assert.notEqual(outcome, "ok", `${what} ${String(value)}`);
      }
    }));
  });

  test(`calls › Dovecot ${version}, TCP and HTTP › tell all status fields, full quotas and what exists`, async () => {
    await using dovecot = await startDovecot({
      ...{ version, quota: "2k" },
      mail: { alice: { INBOX: [mail("one", 1200)], Other: [] } },
    });
    const { port, httpPort, password } = dovecot;
    await using tcp = connect({ hostname: "127.0.0.1", port }, { password });
    await using http = connect(`http://127.0.0.1:${httpPort}`, { password });
    for (const client of [tcp, http]) {
      await checkStatus(client);
      await checkQuota(client);
      await checkLocal(client);
    }
    await assert.rejects(
      tcp.run("mailbox create", { user: "alice", mailbox: ["Other"] }),
      (error) => {
        assert(error instanceof CommandError && error.code === "DATAERR");
        assert.equal(error.reason, "exists");
        assert.match(error.message, /there is a mailbox of that name already/);
        return true;
      },
    );
    const rename = { user: "alice", mailbox: "Other", newName: "INBOX" };
    await assert.rejects(tcp.run("mailbox rename", rename), { reason: "exists" });
    // HTTP has no log lines.
    await assert.rejects(http.run("mailbox create", { user: "alice", mailbox: ["Other"] }), {
      code: "DATAERR",
      reason: undefined,
    });
    await assert.rejects(tcp.run("mailbox delete", { user: "alice", mailbox: ["None"] }), {
      code: "NOTFOUND",
      reason: undefined,
    });
    // Both versions crash; the log lines before have the reason.
    const query = ["mailbox", "INBOX", "all"];
    const copy = tcp.run("copy", { user: "alice", destinationMailbox: "Other", query });
    await assert.rejects(copy, /Quota exceeded/);
  });
}

function mail(subject: string, size: number): string {
  return `Subject: ${subject}\n\n${"x".repeat(size)}\n`;
}

async function checkStatus(client: DoveadmClient): Promise<void> {
  const all = { user: "alice", field: ["all"], mailboxMask: ["*"] } as const;
  const rows = await client.run("mailbox status", all);
  const streamed = [];
  for await (const row of client.rows("mailbox status", all)) streamed.push(row);
  assert.deepEqual(streamed, rows);
  assert.deepEqual(rows.map(({ mailbox }) => mailbox).sort(), ["INBOX", "Other"]);
  const inbox = rows.find(({ mailbox }) => mailbox === "INBOX")!;
  assert.deepEqual(Object.keys(inbox).filter((key) => key !== "deleted"), [
    ...["mailbox", "messages", "recent", "uidnext", "uidvalidity", "unseen", "highestmodseq"],
    ...["vsize", "guid", "firstsaved"],
  ]);
  assert.equal(inbox.messages, 1);
  assert.equal(inbox.uidnext, 2);
  assert.equal(typeof inbox.highestmodseq, "bigint");
  assert.match(inbox.guid, /^[\da-f]{32}$/);
  assert(inbox.firstsaved instanceof Date);
  assert.equal(rows.find(({ mailbox }) => mailbox === "Other")!.firstsaved, null);
  const sums = await client.run("mailbox status", { ...all, totalSum: true });
  assert.deepEqual(sums, [
    { messages: 1, recent: sums[0].recent, unseen: 1, vsize: inbox.vsize },
  ]);
}

async function checkQuota(client: DoveadmClient): Promise<void> {
  const save = client.run("save", { user: "alice", file: mail("big", 3000) });
  await assert.rejects(save, (error) => {
    assert(error instanceof CommandError, String(error));
    assert.equal(error.reason, "quota");
    assert.equal(error.code, "UNKNOWN");
    assert.equal(error.exitCode, 73);
    assert.match(error.message, /"save" failed: the user's quota is full \(UNKNOWN\)/);
    return true;
  });
}

/** What is wrong on any server isn't sent. */
async function checkLocal(client: DoveadmClient): Promise<void> {
  const user = "alice";
  const calls: readonly (readonly [work: Promise<unknown>, message: RegExp])[] = [
    [
      client.run("flags add", { user, flag: ["\\Spam"], query: ["mailbox", "INBOX", "all"] }),
      /The parameter "flag" of "flags add" is invalid: "\\\\Spam" is not a system flag/,
    ],
    [
      client.run("search", { user, query: ["mailbox", "INBOX", "uid"] }),
      /The parameter "query" of "search" is invalid: "uid" \(word 3 of 3\) needs a set of numbers/,
    ],
    [client.run("expunge", { user, query: ["all"] }), /has to name a mailbox/],
    [
      client.run("mailbox status", { user, field: ["guid"], mailboxMask: ["*"], totalSum: true }),
      /"guid" .* has no sum/,
    ],
    [
      client.run("fetch", { user, field: ["hdr.subject.text"], query: ["all"] }),
      /after the header field's name may come/,
    ],
  ];
  for (const [work, message] of calls) {
    await assert.rejects(work, (error) => {
      assert(error instanceof LocalProtocolError && !error.sent, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
}
