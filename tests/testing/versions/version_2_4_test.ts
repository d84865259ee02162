import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError, connect, LocalProtocolError } from "../../../mod.ts";
import { encodeUtf8 } from "../../../core/mod.ts";
import { mailHandler, type MailHandlerOptions } from "../../../testing/mail_handler.ts";
import { startMailServer } from "../../../testing/mail_server.ts";
import { MailSystem } from "../../../testing/mail_system.ts";
import { decodeParameters } from "../../../testing/versions/version_2_4/parameters.ts";
import { askHandler } from "../differential/embedded_server.ts";
import { type Answer, textsOf } from "../differential/question.ts";

const mail = "Date: Thu, 8 Jan 2026 10:00:00 +0900\nSubject: Lunch?\n\nAt noon?\n";

function systemOf(): MailSystem {
  return new MailSystem({
    users: {
      alice: { mailboxes: { INBOX: [mail, mail], Sent: [] }, fields: { home: "/mail/alice" } },
      bob: { mailboxes: { INBOX: [mail] } },
      "carol@example.org": {},
    },
  });
}

/** Runs a command as on 2.4; returns the fields, and after them the code of a failure. */
async function answer(
  line: readonly [name: string, ...args: readonly string[]],
  options: MailHandlerOptions & { system?: MailSystem; user?: string; input?: string } = {},
): Promise<readonly string[]> {
  const { fields, result } = await reply(line, options);
  return [...textsOf({ fields, result, log: [] }), ...result === "+" ? [] : [result]];
}

function reply(
  [name, ...args]: readonly [name: string, ...args: readonly string[]],
  { system = systemOf(), user = "alice", input, ...options }: MailHandlerOptions & {
    system?: MailSystem;
    user?: string;
    input?: string;
  } = {},
): Promise<Answer> {
  const ask = askHandler(mailHandler(system, { version: "2.4", ...options }));
  return ask({ name, args, user, ...input === undefined ? {} : { input: encodeUtf8(input) } });
}

/** Bob, and a user whom this server doesn't know, live on other servers. */
function hostOf(user: string): string | undefined {
  return new Map([["bob", "192.0.2.7"], ["erin", "mail2.example.org"]]).get(user);
}

test("embedded 2.4 › all users › a command runs for each, the user before each row", async () => {
  for (const option of ["-A", "--all-users"]) {
    assert.deepEqual(
      await answer(["fetch", option, "uid", "mailbox", "INBOX", "all"], { user: "nobody" }),
      ["alice", "1", "alice", "2", "bob", "1"],
    );
  }
  assert.deepEqual(await answer(["fetch", "-u", "b*", "uid", "mailbox", "INBOX", "1"]), ["1"]);
  assert.deepEqual(await answer(["quota get"], { user: "nobody" }), ["-NOUSER"]);
});

test("embedded 2.4 › all users, some of whom fail › the others' rows, and the first failure", async () => {
  const { fields, result, log } = await reply(["mailbox status", "-A", "messages", "Sent"]);
  assert.deepEqual(textsOf({ fields, result, log }), ["alice", "Sent", "0"]);
  assert.equal(result, "-NOTFOUND");
  assert.equal(log.length, 2);
});

test("embedded 2.4 › save for all users › each gets the mail", async () => {
  const system = systemOf();
  assert.deepEqual(
    await answer(["save", "-A"], { system, input: "Subject: All\r\n\r\nHi.\r\n" }),
    [],
  );
  for (const { mailboxes } of system.users.values()) {
    const { bytes } = mailboxes.get("INBOX")!.mails.at(-1)!;
    assert.deepEqual(bytes, encodeUtf8("Subject: All\n\nHi.\n"));
  }
});

test("embedded 2.4 › a user of another server › is referred to it, unless the arguments are wrong", async () => {
  for (
    const [line, user, expected] of [
      [["quota get"], "bob", ["-REFERRAL bob@192.0.2.7"]],
      [["quota get"], "BOB", ["-REFERRAL bob@192.0.2.7"]],
      [["quota get"], "erin", ["-REFERRAL erin@mail2.example.org"]],
      [["save"], "bob", ["-REFERRAL bob@192.0.2.7"]],
      [["quota get"], "dave", ["-NOUSER"]],
      [["expunge", "all"], "bob", ["-USAGE"]],
      [["mailbox list", "-A"], "bob", [
        ...["alice", "Sent", "alice", "INBOX", "carol@example.org", "INBOX"],
        "-REFERRAL bob@192.0.2.7",
      ]],
      [["copy", "Sent", "user", "bob", "all"], "alice", []],
      [["user", "-f", "home", "alice"], "bob", ['{"alice":{"home":"/mail/alice"}}']],
    ] as const
  ) assert.deepEqual(await answer(line, { user, hostOf }), expected, `${user} ${line}`);
});

test("embedded 2.4 › a host that no reply can carry › fails the command", async () => {
  for (const host of ["", "a b", "a\nb", "a@b", 7 as unknown as string]) {
    const { result, log } = await reply(["quota get"], { hostOf: () => host });
    assert.equal(result, "-TEMPFAIL");
    assert.match(log.join(), /"hostOf" returned/);
  }
});

test("embedded server › options that no version has › a LocalProtocolError", async () => {
  const system = systemOf();
  for (const version of ["2.2", "", "__proto__", "toString"]) {
    const options = { version: version as "2.4" };
    assert.throws(() => mailHandler(system, options), LocalProtocolError);
    await assert.rejects(startMailServer(options), LocalProtocolError);
  }
  assert.throws(() => mailHandler(system, { hostOf }), /refers no client to another server/);
  await assert.rejects(startMailServer({ hostOf }), LocalProtocolError);
});

test("embedded 2.4 › logins › are shown and kicked one by one", async () => {
  const system = systemOf();
  const sessions = [
    { username: "alice", service: "imap", pid: 11, ip: "192.0.2.1" },
    { username: "alice", service: "imap", pid: 12, ip: "192.0.2.2" },
    { username: "bob", service: "imap", pid: 12, ip: "192.0.2.7" },
  ];
  system.sessions.push(...sessions);
  for (
    const [line, expected] of [
      [["who", "-1", "bob"], ["bob", "imap", "12", "192.0.2.7", ""]],
      [["who", "bob"], ["bob", "1", "imap", "(12)", "(192.0.2.7)"]],
      [["kick", "nobody"], ["0"]],
      [["kick", "-h", "192.0.2.9", "alice"], ["0"]],
      [["kick", "-h", "x"], ["-USAGE"]],
      [["kick"], ["-USAGE"]],
      [["kick", "0.0.0.0/0"], ["-USAGE"]],
      [["kick", "::/0", "nobody"], ["0"]],
      [["kick", "alice"], ["2"]],
      [["who", "-1"], ["bob", "imap", "12", "192.0.2.7", ""]],
    ] as const
  ) assert.deepEqual(await answer(line, { system }), expected, line.join(" "));
});

test("embedded 2.4 › options that 2.3 lacks or reads otherwise › are 2.4's", async () => {
  const inbox = ["mailbox", "INBOX", "1"] as const;
  for (
    const [line, expected] of [
      [["fetch", "date.sent", ...inbox], ["2026-01-08 10:00:00 (+0900)"]],
      // The word for the fields is skipped if there is an option for them.
      [["fetch", "--field", "uid", "flags", ...inbox], ["1"]],
      [["fetch", "--field", "uid", ...inbox], ["-USAGE"]],
      [["mailbox status", "-f", "messages", "vsize", "INBOX"], ["INBOX", "2"]],
      [["flags add", "a  b", ...inbox], []],
      [["search", "mailbox", "Missing", "all"], []],
      [["expunge", "mailbox", "Missing", "1"], []],
      [["search", "on", "31-Feb-2026"], ["-USAGE"]],
      [["index", "-n", "x", "INBOX"], ["-USAGE"]],
      [["index", "INBOX", "Sent"], []],
      [["copy", "Sent", "USER", "bob", "all"], ["-USAGE"]],
      [["copy", "Sent", "user", "bob"], ["-USAGE"]],
      [["user", "alice"], ['{"alice":{"uid":"","gid":"","home":"/mail/alice"}}']],
      [["user", "-e", "%{user | upper}", "alice"], ['{"alice":{"%{user | upper}":"ALICE"}}']],
      [["user", "-e", "%{x}", "alice"], [
        '{"alice":{"error":"Failed to expand field: Unknown variable \'x\'"}}',
      ]],
    ] as const
  ) assert.deepEqual(await answer(line), expected, line.join(" "));
});

test("embedded 2.4 › save with metadata › a usable UID, the GUID and the time of receipt are kept", async () => {
  const system = systemOf();
  const save = (...args: readonly string[]) => answer(["save", ...args], { system, input: mail });
  assert.deepEqual(await save("-U", "10", "-g", "my-guid", "-r", "2026-01-05"), []);
  const { uid, guid, received } = system.findUser("alice")!.open("INBOX").mails.at(-1)!;
  assert.deepEqual([uid, guid, received.toISOString()], [
    10,
    "my-guid",
    "2026-01-05T00:00:00.000Z",
  ]);
  for (const low of ["0", "10", "3"]) assert.deepEqual(await save("-U", low), []);
  assert.deepEqual(system.findUser("alice")!.open("INBOX").mails.map((it) => it.uid), [
    ...[1, 2, 10, 11, 12, 13],
  ]);
  for (const wrong of [["-U", "4294967295"], ["-U", "-1"], ["-g", ""], ["-r", "soon"]]) {
    assert.deepEqual(await save(...wrong), ["-USAGE"], wrong.join(" "));
  }
});

test("embedded 2.4 › parameters of MIME fields › are decoded where that is possible", () => {
  for (
    const [name, value, expected] of [
      ["name*", "utf-8''a%20%C3%A4", ["name", "a \u00c3\u00a4"]],
      ["name*", "iso-8859-1'de'%E4", ["name", "\u00c3\u00a4"]],
      ["name*", "utf-8''%E4", ["name", "%E4"]],
      ["name*", "nonsense''%E4", ["name", "%E4"]],
      ["name*", "us-ascii''%E4x", ["name", "%E4x"]],
      ["name*", "''a%41", ["name", "a%41"]],
      ["name*", "abc", ["name", "abc"]],
      ["name*", "utf-8''a%00b", ["name", "a"]],
      ["name", "utf-8''%41", ["name", "utf-8''%41"]],
    ] as const
  ) {
    const [written] = decodeParameters([{ name, value }]);
    assert.deepEqual([written.name, written.value], expected, value);
  }
  const both = [{ name: "name", value: "x" }, { name: "Name*", value: "utf-8''y" }];
  assert.deepEqual(decodeParameters(both), [both[0]]);
});

test("embedded 2.4 › this project's client › takes it for a 2.4", async () => {
  await using server = await startMailServer({ system: systemOf(), version: "2.4", hostOf });
  await using client = connect(server.url);
  const rows = await client.run("quota get", { user: "alice" });
  assert.equal(rows.length, 2);
  assert.deepEqual(await client.run("kick", { mask: ["zoe"] }), [{ count: 0 }]);
  await assert.rejects(
    client.run("quota get", { user: "bob" }),
    (error) => error instanceof CommandError && error.code === "REFERRAL",
  );
  await assert.rejects(client.run("quota get", { user: "zoe" }), (error) => {
    // 2.4 sends its log only to those who ask for it.
    return error instanceof CommandError && error.code === "NOUSER" && error.log.length > 0;
  });
});
