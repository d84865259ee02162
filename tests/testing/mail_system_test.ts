import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, LocalProtocolError } from "../../core/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import { connect } from "../../mod.ts";
import { type MailServerOptions, startMailServer } from "../../testing/mail_server.ts";
import { MailSystem } from "../../testing/mail_system.ts";
import { type Mail, Mailbox, type NewMail, virtualSize } from "../../testing/mailbox.ts";

const bytes = encodeUtf8("Subject: Hi\n\nHello.\n");

/** The code of the `CommandFailure` that a function throws. */
function codeOf(action: () => void): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof CommandFailure) return error.code;
    throw error;
  }
}

test("mail system › a user's name › found as given or in lower case", () => {
  const system = new MailSystem({ users: { alice: {}, Bob: {} } });
  assert.deepEqual([...system.users.keys()], ["alice", "Bob"]);
  assert.equal(system.findUser("ALICE")?.name, "alice");
  assert.equal(system.findUser("Bob")?.name, "Bob");
  assert.equal(system.findUser("bob"), undefined);
  assert.equal(system.addUser("bob").name, "bob");
  assert(system.removeUser("bob"));
  assert(!system.removeUser("bob"));
  assert.equal(system.findUser(""), undefined);
});

test("mail system › a new user › INBOX and the given mailboxes", () => {
  const system = new MailSystem({
    users: {
      alice: {
        mailboxes: {
          inbox: ["a\n", bytes, { bytes, uid: 7, flags: ["\\Seen"] }],
          "a/b": [],
          a: { guid: "g", uidValidity: 5, uidNext: 9, highestModseq: 20, subscribed: true },
        },
      },
      bob: {},
    },
  });
  const alice = system.users.get("alice")!;
  assert.deepEqual([...alice.mailboxes.keys()], ["INBOX", "a/b", "a"]);
  assert.deepEqual(alice.find("INBOX")?.mails.map(({ uid }) => uid), [1, 2, 7]);
  const { guid, uidValidity, uidNext, highestModseq } = alice.open("a");
  assert.deepEqual([guid, uidValidity, uidNext, highestModseq], ["g", 5, 9, 20]);
  assert.deepEqual([...alice.subscriptions()], ["a"]);
  assert.deepEqual([...system.users.get("bob")!.mailboxes.keys()], ["INBOX"]);
  const validities = [...alice.mailboxes.values()].map((mailbox) => mailbox.uidValidity);
  assert.equal(new Set(validities).size, 3);
});

test("mail system › invalid options › LocalProtocolError", () => {
  const mailboxes = (name: string) => ({ users: { alice: { mailboxes: { [name]: [] } } } });
  for (
    const [options, message] of [
      [mailboxes("a//b"), /"a\/\/b" of "alice" is invalid: .*adjacent/],
      [mailboxes(""), /Name is empty/],
      [{ namespaces: [] }, /there is no namespace/],
      [{ namespaces: [{}, {}] }, /the same prefix/],
      [{ namespaces: [{ prefix: "a" }] }, /Let it end/],
      [{ namespaces: [{ prefix: "/a/" }] }, /Let it end/],
      [{ namespaces: [{ separator: "//" }] }, /one character/],
      [{ namespaces: [{}, { prefix: "a.", separator: "." }] }, /different separators/],
    ] as const
  ) {
    assert.throws(() => new MailSystem(options), { name: "LocalProtocolError", message });
  }
});

test("mail system › options of another shape › LocalProtocolError", async () => {
  const inbox = (content: unknown) => ({ users: { alice: { mailboxes: { INBOX: content } } } });
  const wrong = [
    ...[null, { users: null }, { users: { alice: null } }, { namespaces: null }, {
      namespaces: {},
    }],
    ...[{ users: { alice: { mailboxes: 5 } } }, { users: { alice: { quota: "5" } } }],
    ...[inbox(null), inbox("x"), inbox([null]), inbox([5]), inbox([{}]), inbox({ mails: "x" })],
    // deno-lint-ignore no-sparse-arrays -- as a caller may have made it
    inbox([, "x"]),
  ];
  for (const options of wrong as MailServerOptions[]) {
    assert.throws(() => new MailSystem(options), LocalProtocolError, JSON.stringify(options));
    await assert.rejects(startMailServer(options), LocalProtocolError);
  }
  const others = [
    ...[{ hostOf: "x", version: "2.4" }, { settings: null }, { place: 5 }],
    ...[{ version: ["2.4"] }, { version: Object.create(null) }],
  ];
  for (const options of others) {
    await assert.rejects(
      startMailServer(options as unknown as MailServerOptions),
      LocalProtocolError,
    );
  }
});

test("mail system › a value that none has › the error says of what, and what to use", async () => {
  const inbox = (content: unknown) => ({ mailboxes: { INBOX: content } });
  const mail = (metadata: unknown) => inbox([{ ...metadata as NewMail, bytes }]);
  for (
    const [state, message] of [
      [null, /state of the user "alice" is null/],
      ["s3cret", /state of the user "alice" is a string\. Use an object/],
      [{ mailboxes: ["INBOX"] }, /"mailboxes" of the user "alice" is an array or a Map/],
      [
        { mailboxes: new Map([["Sent", []]]) },
        /"mailboxes" of the user "alice" is an array or a Map/,
      ],
      [inbox("s3cret"), /mailbox "INBOX" of "alice" is a string/],
      [inbox({ mails: ["s3cret"] }), /an array of mails/],
      [{ fields: { uid: 1000 } }, /field "uid" of the user "alice" is 1000/],
      [{ quota: 1024 }, /"quota" of the user "alice" is a number/],
      [{ quota: null }, /"quota" of the user "alice" is null/],
      ...[NaN, -1, "1G", null].map((bytes) => [{ quota: { bytes } }, /"bytes" is .*number from 0/]),
      ...[NaN, "1"].map((messages) => [{ quota: { messages } }, /"messages" is .*number from 0/]),
      ...[NaN, 0, "5", -1, 2 ** 32].map((uidValidity) => [inbox({ uidValidity }), /"uidValidity"/]),
      ...[NaN, Infinity, "7"].map((uidNext) => [inbox({ uidNext }), /"uidNext" of a mailbox is/]),
      ...[NaN, "7"].map((highestModseq) => [inbox({ highestModseq }), /"highestModseq"/]),
      [inbox({ firstRecentUid: NaN }), /"firstRecentUid"/],
      [inbox({ guid: 5 }), /"guid" of a mailbox is 5/],
      [inbox({ subscribed: "no" }), /"subscribed" is not a boolean/],
      [mail({ guid: 5 }), /"guid" of a mail is 5/],
      [mail({ modseq: NaN }), /"modseq" of a mail is NaN/],
      [mail({ received: "2026-01-10" }), /"received" of a mail is "2026-01-10"\. Use a valid Date/],
      [mail({ received: new Date(NaN) }), /"received" of a mail is an invalid Date/],
      [mail({ saved: 5 }), /"saved" of a mail is 5/],
      [mail({ flags: "\\Seen" }), /Use an array, like \["\\\\Seen"/],
      [mail({ flags: 5 }), /flags of a mail are 5/],
      [mail({ flags: [5] }), /can't have the flag 5: it is no string/],
      [mail({ flags: ["\\Nothing"] }), /it isn't one of \\Answered/],
      [mail({ flags: ["\\Seen Work"] }), /it isn't one of/],
      [mail({ flags: ["Work Home"] }), /isn't allowed in keywords/],
    ] as const
  ) {
    const options = { users: { alice: state } } as MailServerOptions;
    const refused = (error: unknown) => {
      assert(error instanceof LocalProtocolError, String(error));
      assert.match(error.message, message as RegExp);
      return !error.message.includes("s3cret");
    };
    assert.throws(() => new MailSystem(options), refused);
    await assert.rejects(startMailServer(options), refused);
  }
});

test("mail system › users, namespaces or a system of another shape › LocalProtocolError", async () => {
  for (
    const options of [
      { users: new Map([["alice", {}]]) },
      { users: ["alice"] },
      { namespaces: [null] },
      { namespaces: [{ prefix: 5 }] },
      { namespaces: [{ inbox: "yes" }] },
      { system: {} },
      { system: { users: { alice: {} } } },
    ]
  ) {
    await assert.rejects(
      startMailServer(options as unknown as MailServerOptions),
      LocalProtocolError,
    );
  }
});

test("mail system › flags of a new mail in any case › are those of Dovecot, without \\Recent", () => {
  const flags = ["\\seen", "\\FLAGGED", "\\Recent", "Work"];
  const mailbox = new Mailbox({ mails: [{ bytes, flags }] });
  assert.deepEqual([...mailbox.mails[0].flags], ["\\Seen", "\\Flagged", "Work"]);
});

test("mailbox › mails of which one is invalid › none is added", () => {
  const mailbox = new Mailbox();
  for (const uid of [0, 1.5, NaN, Infinity, 2 ** 32, "7"]) {
    const mails = [{ bytes }, { bytes, uid: uid as number }];
    assert.throws(() => mailbox.addAll(mails), LocalProtocolError, String(uid));
  }
  assert.throws(() => mailbox.addAll([{ bytes }, { bytes, flags: ["a b"] }]), LocalProtocolError);
  assert.deepEqual([mailbox.count, mailbox.uidNext], [0, 1]);
});

test("mailbox › mails added, changed, removed › UIDs and modification sequences", () => {
  const mailbox = new Mailbox({ mails: [{ bytes }, { bytes }] });
  assert.equal(mailbox.highestModseq, 2);
  assert.deepEqual(mailbox.mails.map(({ uid, modseq }) => [uid, modseq]), [[1, 2], [2, 2]]);
  const before = mailbox.mails;
  const third = mailbox.add({ bytes, flags: ["\\Seen", "$Label1"] });
  assert.deepEqual([third.uid, third.modseq, mailbox.uidNext], [3, 4, 4]);
  assert.equal(before.length, 2);
  assert.equal(mailbox.count, 3);
  assert.equal(mailbox.size, 3 * bytes.length);
  const [first, second] = mailbox.mails;
  mailbox.setFlags(first, new Set());
  assert.equal(mailbox.highestModseq, 4);
  const flags = new Set(["\\Flagged", "$Label1"]);
  mailbox.setAllFlags(new Map([[first, flags], [second, flags]]));
  assert.deepEqual([first.modseq, second.modseq, third.modseq], [6, 6, 4]);
  mailbox.expunge(new Set([first, third]));
  mailbox.expunge(new Set<Mail>());
  assert.deepEqual([mailbox.mails, mailbox.highestModseq, mailbox.uidNext], [[second], 7, 4]);
  assert.equal(mailbox.size, bytes.length);
  assert.throws(() => mailbox.add({ bytes, uid: 3 }), /UID above/);
});

test("virtualSize › any line ends › counted as CR LF", () => {
  for (
    const [text, size] of [["", 0], ["a", 1], ["\n", 2], ["\r\n", 2], ["a\nb\r\n\n\r", 9]] as const
  ) {
    assert.equal(virtualSize(encodeUtf8(text)), size, JSON.stringify(text));
  }
});

test("mail user › mailboxes created, renamed, deleted › as in Dovecot", () => {
  const user = new MailSystem({ users: { alice: {} } }).users.get("alice")!;
  const mailbox = user.create("a/b");
  user.create("c");
  for (
    const [action, code] of [
      [() => user.create("c"), "DATAERR"],
      [() => user.create("inbox"), "DATAERR"],
      [() => user.create("c/"), "USAGE"],
      [() => user.create("n".repeat(255)), "NOTFOUND"],
      [() => user.open("a"), "NOTFOUND"],
      [() => user.open("c//"), "USAGE"],
      [() => user.rename("a", "c/d"), undefined],
      [() => user.rename("a", "x"), "NOTFOUND"],
      [() => user.rename("c", "c"), "DATAERR"],
      [() => user.rename("c", "INBOX"), "DATAERR"],
      [() => user.rename("INBOX", "x"), "DATAERR"],
      [() => user.rename("c", "x."), "USAGE"],
      [() => user.rename("c", "n".repeat(255)), "TEMPFAIL"],
      [() => user.delete("a"), "NOTFOUND"],
      [() => user.delete("INBOX"), "DATAERR"],
      [() => user.delete("c"), undefined],
      [() => user.subscribe("nosuch"), undefined],
      [() => user.subscribe(""), "USAGE"],
      [() => user.unsubscribe("other"), undefined],
    ] as const
  ) {
    assert.equal(codeOf(action), code, String(action));
  }
  assert.equal(user.find("c/d/b"), mailbox);
  assert.deepEqual([...user.mailboxes.keys()], ["INBOX", "c/d/b"]);
  assert.deepEqual([...user.names()].map(({ name, exists }) => [name, exists]), [
    ["c", false],
    ["c/d", false],
    ["c/d/b", true],
    ["INBOX", true],
  ]);
  assert.deepEqual([...user.subscriptions()], ["nosuch"]);
});

test("mail user › INBOX deleted › fails, and its mails are removed", () => {
  const system = new MailSystem({ users: { alice: { mailboxes: { INBOX: ["a\n"] } } } });
  const user = system.users.get("alice")!;
  assert.equal(codeOf(() => user.delete("INBOX", { mustBeEmpty: true })), "DATAERR");
  assert.equal(user.open("INBOX").count, 1);
  assert.equal(codeOf(() => user.delete("INBOX")), "DATAERR");
  assert.equal(user.open("INBOX").count, 0);
});

test("mail user › a name with only children, renamed onto a mailbox › its children move", () => {
  const system = new MailSystem({ users: { alice: { mailboxes: { "a/x": [], b: [] } } } });
  const user = system.users.get("alice")!;
  user.rename("a", "b");
  assert.deepEqual([...user.mailboxes.keys()].sort(), ["INBOX", "b", "b/x"]);
});

test("mail user › names › newest first, INBOX last", () => {
  const user = new MailSystem({ users: { alice: {} } }).users.get("alice")!;
  const names = () => [...user.names()].map(({ name }) => name);
  for (const name of ["INBOX/i", "b", "a", "a/1", "a/2", "c/1"]) user.create(name);
  assert.deepEqual(names(), ["c", "c/1", "a", "a/2", "a/1", "b", "INBOX/i", "INBOX"]);
  user.create("c");
  user.delete("a");
  assert.deepEqual(names(), ["c", "c/1", "a", "a/2", "a/1", "b", "INBOX/i", "INBOX"]);
  user.rename("b", "d");
  user.delete("c/1");
  assert.deepEqual(names(), ["d", "c", "a", "a/2", "a/1", "INBOX/i", "INBOX"]);
  const matching = (mask: string) => [...user.matching(mask)].map(([name]) => name);
  assert.deepEqual(matching("*"), ["d", "c", "a/2", "a/1", "INBOX/i", "INBOX"]);
  assert.deepEqual(matching("inbox"), ["INBOX"]);
  assert.deepEqual(matching("a"), []);
});

test("mail user › quota › enforced", () => {
  const system = new MailSystem({ users: { alice: { quota: { bytes: 10, messages: 3 } } } });
  const user = system.users.get("alice")!;
  const add = (size: number) => codeOf(() => user.add("INBOX", { bytes: new Uint8Array(size) }));
  assert.equal(add(11), "UNKNOWN");
  assert.equal(add(4), undefined);
  assert.equal(add(7), "UNKNOWN");
  assert.equal(add(6), undefined);
  assert.deepEqual(user.use, { bytes: 10, messages: 2 });
  assert.equal(add(0), undefined);
  assert.equal(add(0), "UNKNOWN");
  assert.equal(codeOf(() => user.add("nosuch", { bytes })), "NOTFOUND");
  user.quota = {};
  assert.equal(add(100), undefined);
});

test("mail user › a quota of 0 or Infinity › is none, as Dovecot has it", async () => {
  for (const limit of [0, Infinity]) {
    const users = { alice: { quota: { bytes: limit, messages: limit } } };
    await using server = await startMailServer({ users });
    const user = server.system.users.get("alice")!;
    user.add("INBOX", { bytes });
    await using doveadm = connect(server.url);
    const rows = await doveadm.run("quota get", { user: "alice" });
    assert.deepEqual(rows.map(({ limit }) => limit), [null, null]);
    assert.throws(() => user.quota = { bytes: NaN }, LocalProtocolError);
  }
});
