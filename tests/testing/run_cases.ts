/**
 * A case for each command of the embedded server, by the command's name.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CommandError } from "../../doveadm/client/command_error.ts";
import { encodeUtf8, LocalProtocolError } from "../../core/mod.ts";
import { bytes, lunch, received, saved, type Scene } from "./run_scene.ts";

/** A test for each command, by its name. */
export const cases: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  async user({ doveadm }) {
    assert.deepEqual(await doveadm.run("user", { userMask: ["*"] }), [
      { username: "alice" },
      { username: "bob" },
    ]);
    assert.deepEqual(await doveadm.run("user", { userMask: ["z*"] }), []);
    const fields = { uid: "1000", gid: "", home: "/mail/alice", mail: "" };
    assert.deepEqual(await doveadm.run("user", { userMask: ["alice", "bob"] }), [
      { username: "alice", ...fields },
      { username: "bob", uid: "", gid: "", home: "", mail: "" },
    ]);
    assert.deepEqual(await doveadm.run("user", { userMask: ["alice"], field: "home" }), [
      { username: "alice", home: "/mail/alice" },
    ]);
    assert.deepEqual(
      await doveadm.run("user", {
        userMask: ["alice"],
        expandField: "%h/%u",
        authInfo: ["service=imap", "rip=192.0.2.1"],
      }),
      [{ username: "alice", "%h/%u": "/mail/alice/alice" }],
    );
    await fails("NOUSER", doveadm.run("user", { userMask: ["alice", "zoe"] }));
    await refused(doveadm.run("user", { userMask: ["alice"], authInfo: ["bogus"] }));
  },

  async who({ doveadm, system }) {
    assert.deepEqual(await doveadm.run("who"), [
      {
        username: "alice",
        connections: 2,
        service: "imap",
        pids: [11, 12],
        ips: ["192.0.2.1", "2001:db8::1"],
      },
      { username: "bob", connections: 1, service: "lmtp", pids: [13], ips: [] },
    ]);
    assert.deepEqual(
      await doveadm.run("who", { separateConnections: true }),
      system.sessions.map((session) => ({ ...session, ip: session.ip ?? null })),
    );
    assert.equal((await doveadm.run("who", { mask: ["b*"] }))[0].connections, 1);
    const mask = ["alice", "192.0.2.0/24"];
    const [{ pid }, ...others] = await doveadm.run("who", { separateConnections: true, mask });
    assert.deepEqual([pid, others], [11, []]);
    system.sessions.length = 0;
    assert.deepEqual(await doveadm.run("who"), []);
  },

  async kick({ doveadm, system }) {
    assert.deepEqual(await doveadm.run("kick", { mask: ["alice"] }), [{ result: "alice" }]);
    assert.deepEqual(system.sessions.map(({ username }) => username), ["bob"]);
    await fails("NOTFOUND", doveadm.run("kick", { mask: ["alice"] }));
    system.sessions.push({ username: "eve", service: "imap", pid: 14 });
    assert.deepEqual(await doveadm.run("kick", { mask: ["*"], force: true }), [
      { result: "bob" },
      { result: "eve" },
    ]);
  },

  async reload({ doveadm }) {
    assert.deepEqual(await doveadm.run("reload"), []);
  },

  async "quota get"({ doveadm, alice }) {
    const kilobytes = Math.ceil(alice.use.bytes / 1024);
    const root = "User quota";
    const rows = [
      { root, type: "STORAGE", value: kilobytes, limit: 10, percent: kilobytes * 10 },
      { root, type: "MESSAGE", value: 2, limit: 4, percent: 50 },
    ];
    assert.deepEqual(await doveadm.run("quota get", { user: "alice" }), rows);
    assert.deepEqual(await doveadm.run("quota get", { allUsers: true }), [
      ...rows.map((row) => ({ username: "alice", ...row })),
      { username: "bob", root, type: "STORAGE", value: 1, limit: null, percent: 0 },
      { username: "bob", root, type: "MESSAGE", value: 1, limit: null, percent: 0 },
    ]);
  },

  async "quota recalc"({ doveadm }) {
    assert.deepEqual(await doveadm.run("quota recalc", { user: "alice" }), []);
    assert.deepEqual(await doveadm.run("quota recalc", { allUsers: true }), []);
  },

  async "mailbox list"({ doveadm, alice }) {
    alice.create("Entwürfe");
    alice.subscribe("Archive");
    const names = ["Entwürfe", "Lists", "Lists/a", "Archive", "INBOX"];
    const list = await doveadm.run("mailbox list", { user: "alice" });
    assert.deepEqual(list.map(({ mailbox }) => mailbox).sort(), [...names].sort());
    const subscriptions = { user: "alice", subscriptions: true } as const;
    assert.deepEqual(await doveadm.run("mailbox list", subscriptions), [{ mailbox: "Archive" }]);
    assert.deepEqual(
      await doveadm.run("mailbox list", { user: "alice", mutf7: true, mailboxMask: ["E*", "A*"] }),
      [{ mailbox: "Entw&APw-rfe" }, { mailbox: "Archive" }],
    );
    assert.deepEqual(
      await doveadm.run("mailbox list", { user: "alice", mutf7: true, utf8: true })
        .then((rows) => rows.some(({ mailbox }) => mailbox === "Entwürfe")),
      true,
    );
  },

  async "mailbox status"({ doveadm, alice, inbox }) {
    const field = [
      ...["guid", "firstsaved", "vsize", "highestmodseq", "unseen"] as const,
      ...["uidvalidity", "uidnext", "recent", "messages"] as const,
    ];
    const status = await doveadm.run("mailbox status", {
      user: "alice",
      field,
      mailboxMask: ["INBOX", "Archive"],
    });
    const lineEnds = [...lunch, ...bytes].filter((byte) => byte === 10).length;
    const archive = alice.open("Archive");
    assert.deepEqual(status, [
      {
        mailbox: "Archive",
        messages: 0,
        recent: 0,
        uidnext: 1,
        uidvalidity: archive.uidValidity,
        unseen: 0,
        highestmodseq: BigInt(archive.highestModseq),
        vsize: 0,
        guid: archive.guid,
        firstsaved: null,
      },
      {
        mailbox: "INBOX",
        messages: 2,
        recent: 0,
        uidnext: 8,
        uidvalidity: inbox.uidValidity,
        unseen: 1,
        highestmodseq: BigInt(inbox.highestModseq),
        vsize: lunch.length + bytes.length + lineEnds,
        guid: inbox.guid,
        firstsaved: saved,
      },
    ]);
    assert.deepEqual(
      await doveadm.run("mailbox status", {
        user: "alice",
        totalSum: true,
        field: ["vsize", "messages", "messages"],
        mailboxMask: ["*"],
      }),
      [{ messages: 2, vsize: status[1].vsize }],
    );
    await fails(
      "NOTFOUND",
      doveadm.run("mailbox status", { user: "alice", field: ["guid"], mailboxMask: ["nosuch"] }),
    );
  },

  async "mailbox create"({ doveadm, alice }) {
    const guid = "0123456789abcdef0123456789abcdef";
    const parameters = { user: "alice", mailbox: ["-x"], guid, subscriptions: true } as const;
    assert.deepEqual(await doveadm.run("mailbox create", parameters), []);
    assert.equal(alice.open("-x").guid, guid);
    assert.deepEqual([...alice.subscriptions()], ["-x"]);
    const two = ["-x", "b/c"];
    // One invalid name is an error; the others are created.
    await fails("DATAERR", doveadm.run("mailbox create", { user: "alice", mailbox: two }));
    assert(alice.find("b/c") !== undefined);
  },

  async "mailbox delete"({ doveadm, alice }) {
    alice.subscribe("Lists/a");
    const below = {
      user: "alice",
      mailbox: ["Lists"],
      recursive: true,
      subscriptions: true,
    } as const;
    // The mailbox "Lists" itself doesn't exist.
    await fails("NOTFOUND", doveadm.run("mailbox delete", { ...below, unsafe: true }));
    assert.deepEqual([...alice.mailboxes.keys()], ["INBOX", "Archive"]);
    assert.deepEqual([...alice.subscriptions()], []);
    const inbox = { user: "alice", mailbox: ["INBOX"], requireEmpty: true } as const;
    await fails("DATAERR", doveadm.run("mailbox delete", inbox));
    assert.deepEqual(
      await doveadm.run("mailbox delete", { user: "alice", mailbox: ["Archive"] }),
      [],
    );
    assert.deepEqual([...alice.mailboxes.keys()], ["INBOX"]);
  },

  async "mailbox rename"({ doveadm, alice }) {
    const { guid } = alice.open("Archive");
    const names = { mailbox: "Archive", newName: "Old mail", subscriptions: true };
    assert.deepEqual(await doveadm.run("mailbox rename", { user: "alice", ...names }), []);
    assert.equal(alice.open("Old mail").guid, guid);
    assert.deepEqual([...alice.subscriptions()], ["Old mail"]);
  },

  async "mailbox subscribe"({ doveadm, alice }) {
    const mailbox = ["Archive", "INBOX"];
    assert.deepEqual(await doveadm.run("mailbox subscribe", { user: "alice", mailbox }), []);
    assert.deepEqual([...alice.subscriptions()].sort(), mailbox);
  },

  async "mailbox unsubscribe"({ doveadm, alice }) {
    alice.subscribe("Archive");
    alice.subscribe("INBOX");
    const mailbox = ["Archive"];
    assert.deepEqual(await doveadm.run("mailbox unsubscribe", { user: "alice", mailbox }), []);
    assert.deepEqual([...alice.subscriptions()], ["INBOX"]);
  },

  async search({ doveadm, inbox }) {
    const rows = inbox.mails.map(({ uid }) => ({ "mailbox-guid": inbox.guid, uid }));
    assert.deepEqual(await doveadm.run("search", { user: "alice", query: ["all"] }), rows);
    const query = ["mailbox", "INBOX", "from", "bob"];
    assert.deepEqual(await doveadm.run("search", { user: "alice", query }), [rows[0]]);
  },

  async fetch({ doveadm, inbox }) {
    const [{ guid }] = inbox.mails;
    const field = [
      ...["user", "mailbox", "mailbox-guid", "seq", "uid", "guid", "flags", "modseq"] as const,
      ...["hdr", "body", "text", "text.utf8", "body.preview", "body.snippet"] as const,
      ...["size.physical", "size.virtual", "date.received", "date.sent", "date.saved"] as const,
      ...["date.received.unixtime", "date.sent.unixtime", "date.saved.unixtime"] as const,
      ...["imap.body", "imap.bodystructure", "imap.envelope", "pop3.uidl"] as const,
      ...["pop3.order", "refcount", "storageid", "hdr.subject", "hdr.subject.utf8"] as const,
      ...["hdr.from.address", "body.1", "binary.1"] as const,
    ] as const;
    const sent = new Date("2026-01-05T10:30:00Z");
    const headerSize = lunch.length - "At noon?\n".length;
    const structure = '"text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 1';
    const [row, ...others] = await doveadm.run("fetch", {
      user: "alice",
      field,
      query: ["mailbox", "INBOX", "uid", "3"],
    });
    assert.deepEqual(others, []);
    const envelope = row["imap.envelope"];
    assert.match(envelope, /^"Mon, 05 Jan 2026 11:30:00 \+0100" /);
    assert.deepEqual(row, {
      user: "alice",
      mailbox: "INBOX",
      "mailbox-guid": inbox.guid,
      seq: 1,
      uid: 3,
      guid,
      flags: ["\\Answered", "\\Seen", "$Label1"],
      modseq: 2n ** 53n - 1n,
      hdr: lunch.slice(0, headerSize),
      body: encodeUtf8("At noon?\n"),
      text: lunch,
      "text.utf8": row["text.utf8"],
      "body.preview": "At noon?",
      "body.snippet": "At noon?",
      "size.physical": lunch.length,
      "size.virtual": lunch.length + 5,
      "date.received": received,
      "date.sent": sent,
      "date.saved": saved,
      "date.received.unixtime": received,
      "date.sent.unixtime": sent,
      "date.saved.unixtime": saved,
      "imap.body": structure,
      "imap.bodystructure": `${structure} NIL NIL NIL NIL`,
      "imap.envelope": envelope,
      "pop3.uidl": null,
      "pop3.order": null,
      refcount: 1,
      storageid: guid,
      "hdr.subject": "=?utf-8?q?Caf=C3=A9?=",
      "hdr.subject.utf8": "Café",
      "hdr.from.address": "bob@example.org",
      "body.1": encodeUtf8("At noon?\r\n"),
      "binary.1": encodeUtf8("At noon?\r\n"),
    });
    assert.match(row["text.utf8"], /Subject: Café\n(?:.*\n)*\nAt noon\?\n$/);
    assert.deepEqual(
      await doveadm.run("fetch", {
        user: "alice",
        field: ["text", "flags", "date.sent"],
        query: ["mailbox", "INBOX", "uid", "7"],
      }),
      [{ text: bytes, flags: [], "date.sent": null }],
    );
    const all = { field: ["user", "uid"], query: ["mailbox", "INBOX"] } as const;
    assert.deepEqual(await doveadm.run("fetch", { user: "*", ...all }), [
      { username: "alice", user: "alice", uid: 3 },
      { username: "alice", user: "alice", uid: 7 },
      { username: "bob", user: "bob", uid: 1 },
    ]);
    await refused(doveadm.run("fetch", { user: "alice", field: ["uid"], query: ["bogus"] }));
  },

  async expunge({ doveadm, alice, inbox }) {
    const query = ["mailbox", "INBOX", "answered"];
    assert.deepEqual(await doveadm.run("expunge", { user: "alice", query }), []);
    assert.deepEqual(inbox.mails.map(({ uid }) => uid), [7]);
    await refused(doveadm.run("expunge", { user: "alice", query: ["all"] }));
    await doveadm.run("expunge", {
      user: "alice",
      query: ["mailbox", "Archive", "all"],
      deleteEmptyMailbox: true,
    });
    assert.equal(alice.find("Archive"), undefined);
  },

  async save({ doveadm, alice }) {
    alice.quota = { messages: 5 };
    const save = { user: "alice", mailbox: "Archive" } as const;
    assert.deepEqual(await doveadm.run("save", { ...save, file: bytes }), []);
    await doveadm.run("save", { ...save, file: "Subject: Hi\r\n\r\n.\r\n" });
    async function* pieces(): AsyncGenerator<Uint8Array | string> {
      yield bytes.subarray(0, 17);
      await Promise.resolve();
      yield bytes.subarray(17);
    }
    await doveadm.run("save", { ...save, file: pieces() });
    assert.deepEqual(alice.open("Archive").mails.map((mail) => mail.bytes), [
      bytes,
      encodeUtf8("Subject: Hi\n\n.\n"),
      bytes,
    ]);
    await fails("UNKNOWN", doveadm.run("save", { ...save, file: bytes }));
  },

  async copy({ doveadm, alice, inbox }) {
    const destinationMailbox = "Archive";
    const query = ["mailbox", "INBOX", "seen"];
    const copy = { user: "alice", destinationMailbox, query } as const;
    assert.deepEqual(await doveadm.run("copy", copy), []);
    const [copied] = alice.open("Archive").mails;
    const { guid, flags } = inbox.mails[0];
    assert.deepEqual([copied.bytes, copied.guid, copied.flags], [lunch, guid, flags]);
    const fromBob = {
      user: "alice",
      destinationMailbox,
      sourceUser: "bob",
      query: ["all"],
    } as const;
    assert.deepEqual(await doveadm.run("copy", fromBob), []);
    assert.equal(alice.open("Archive").count, 2);
    await fails("NOUSER", doveadm.run("copy", { ...fromBob, sourceUser: "zoe" }));
    await fails("NOTFOUND", doveadm.run("copy", { ...copy, destinationMailbox: "nosuch" }));
  },

  async move({ doveadm, system, alice, inbox }) {
    const query = ["mailbox", "INBOX", "uid", "7"];
    const move = { user: "alice", destinationMailbox: "Archive", query } as const;
    assert.deepEqual(await doveadm.run("move", move), []);
    const uids = [inbox, alice.open("Archive")].map(({ mails }) => mails.map(({ uid }) => uid));
    assert.deepEqual(uids, [[3], [1]]);
    const all = ["mailbox", "INBOX", "all"];
    await doveadm.run("move", { ...move, sourceType: "user", sourceUser: "bob", query: all });
    assert.equal(system.users.get("bob")!.open("INBOX").count, 0);
    assert.equal(alice.open("Archive").count, 2);
    await refused(doveadm.run("move", { ...move, query: ["seen"] }));
  },

  async "flags add"({ doveadm, inbox }) {
    const flag = ["\\Flagged", "$Two"];
    const query = ["mailbox", "INBOX", "uid", "7"];
    assert.deepEqual(await doveadm.run("flags add", { user: "alice", flag, query }), []);
    assert.deepEqual([...inbox.mails[1].flags].sort(), ["$Two", "\\Flagged"]);
  },

  async "flags remove"({ doveadm, inbox }) {
    const flag = ["\\Seen", "$label1", "\\Deleted"];
    const query = ["mailbox", "INBOX"];
    assert.deepEqual(await doveadm.run("flags remove", { user: "alice", flag, query }), []);
    assert.deepEqual([...inbox.mails[0].flags], ["\\Answered"]);
  },

  async "flags replace"({ doveadm, inbox }) {
    const flag = ["\\Draft"];
    const query = ["mailbox", "INBOX"];
    assert.deepEqual(await doveadm.run("flags replace", { user: "alice", flag, query }), []);
    assert.deepEqual(inbox.mails.map(({ flags }) => [...flags]), [flag, flag]);
    const bad = doveadm.run("flags replace", { user: "alice", flag: ["\\Bogus"], query });
    await refused(bad);
  },

  async "force-resync"({ doveadm }) {
    const parameters = { user: "alice", mailboxMask: "INBOX", fsck: true } as const;
    assert.deepEqual(await doveadm.run("force-resync", parameters), []);
  },

  async index({ doveadm }) {
    const parameters = { user: "alice", mailboxMask: ["*"], maxRecent: 5, queue: true } as const;
    assert.deepEqual(await doveadm.run("index", parameters), []);
    await refused(doveadm.run("index", { ...parameters, maxRecent: -5n }));
  },

  async purge({ doveadm }) {
    assert.deepEqual(await doveadm.run("purge", { user: "alice" }), []);
    assert.deepEqual(await doveadm.run("purge", { user: "*" }), []);
  },
};

export async function fails(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert(error instanceof CommandError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/**
 * Asserts that the client refuses a call. Dovecot would end the connection; other tests check what the
 * embedded server answers.
 */
async function refused(work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, LocalProtocolError);
}
