/**
 * What the compiler knows of calls. The types are looked at by `deno check`, which fails where an
 * expected error doesn't come, or where a row is of another type; the tests then make the same calls,
 * so that what the compiler refuses is seen to be refused, and what it promises to be there.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type DoveadmClient, LocalProtocolError, query } from "../../../mod.ts";
import type { FetchFields } from "../../../core/doveadm/catalogue/mod.ts";
import { startMailServer } from "../../../testing/mod.ts";

/** Whether two types are the same, to the last modifier. */
type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends (<T>() => T extends Other ? 1 : 2)
  ? true
  : false;

/** Fails to compile for rows of another type; gives the first one. */
function first<Expected>() {
  return <Row>(rows: Row[], _isSame: Same<Row, Expected>): Row => rows[0];
}

const mail = "Subject: Hello\nDate: Mon, 05 Jan 2026 11:30:00 +0000\n\nHello.\n";

async function withClient(use: (doveadm: DoveadmClient) => Promise<void>): Promise<void> {
  await using server = await startMailServer({
    users: { alice: { mailboxes: { INBOX: [mail] } }, bob: { mailboxes: { INBOX: [] } } },
  });
  await using doveadm = connect(server.url, { password: server.password });
  await use(doveadm);
}

test("types › rows of commands and of requested fields › the right columns", async () => {
  await withClient(async (doveadm) => {
    const quota = first<
      {
        root: string;
        type: string;
        value: number | null;
        limit: number | null;
        percent: number | null;
      }
    >()(await doveadm.run("quota get", { user: "alice" }), true);
    assert.equal(typeof quota.value, "number");

    const { mailbox } = first<{ mailbox: string }>()(
      await doveadm.run("mailbox list", { user: "alice" }),
      true,
    );
    assert.equal(mailbox, "INBOX");

    const status = first<{ mailbox: string; messages: number; highestmodseq: bigint }>()(
      await doveadm.run("mailbox status", {
        user: "alice",
        field: ["messages", "highestmodseq"],
        mailboxMask: ["INBOX"],
      }),
      true,
    );
    assert.deepEqual(Object.keys(status), ["mailbox", "messages", "highestmodseq"]);

    const total = first<{ vsize: number }>()(
      await doveadm.run("mailbox status", {
        user: "alice",
        totalSum: true,
        field: ["vsize"],
        mailboxMask: ["*"],
      }),
      true,
    );
    assert.deepEqual(Object.keys(total), ["vsize"]);

    const whole = first<
      {
        mailbox: string;
        messages: number;
        recent: number;
        deleted?: number;
        uidnext: number;
        uidvalidity: number;
        unseen: number;
        highestmodseq: bigint;
        vsize: number;
        guid: string;
        firstsaved: Date | null;
      }
    >()(
      await doveadm.run("mailbox status", {
        user: "alice",
        field: ["all"],
        mailboxMask: ["INBOX"],
      }),
      true,
    );
    assert.deepEqual(Object.keys(whole), [
      ...["mailbox", "messages", "recent", "uidnext", "uidvalidity", "unseen", "highestmodseq"],
      ...["vsize", "guid", "firstsaved"],
    ]);
    assert.equal(whole.messages, 1);
    const named = await doveadm.run("mailbox status", {
      user: "*",
      field: ["all", "guid"],
      mailboxMask: ["INBOX"],
    });
    assert.deepEqual(named.map(({ username }) => username), ["alice", "bob"]);
    assert.equal(typeof named[0].uidvalidity satisfies string, "number");

    const sums = first<{ messages: number; recent: number; unseen: number; vsize: number }>()(
      await doveadm.run("mailbox status", {
        user: "alice",
        totalSum: true,
        field: ["all"],
        mailboxMask: ["*"],
      }),
      true,
    );
    assert.deepEqual(Object.keys(sums), ["messages", "recent", "unseen", "vsize"]);

    // What isn't known before the program runs may be there.
    const names: ("all" | "messages")[] = ["all"];
    const some = await doveadm.run("mailbox status", {
      user: "alice",
      field: names,
      mailboxMask: ["INBOX"],
    });
    assert.equal((some[0].guid satisfies string | undefined)?.length, 32);

    const query_ = query.and(query.mailbox("INBOX"), query.not(query.subject("nothing")));
    const built = await doveadm.run("search", { user: "alice", query: query_ });
    assert.deepEqual(built.map(({ uid }) => uid), [1]);

    const fetched = first<
      {
        uid: number;
        flags: string[];
        modseq: bigint;
        text: Uint8Array;
        "hdr.subject": string;
        "date.received": Date;
        "date.sent": Date | null;
      }
    >()(
      await doveadm.run("fetch", {
        user: "alice",
        field: ["uid", "flags", "modseq", "text", "hdr.subject", "date.received", "date.sent"],
        query: ["all"],
      }),
      true,
    );
    assert.equal(fetched["date.sent"]?.getTime(), Date.UTC(2026, 0, 5, 11, 30));
    assert.equal(fetched["hdr.subject"], "Hello");

    const found = first<{ "mailbox-guid": string; uid: number }>()(
      await doveadm.run("search", { user: "alice", query: ["mailbox", "INBOX"] }),
      true,
    );
    assert.equal(found.uid, 1);

    first<
      { username: string; connections: number; service: string; pids: number[]; ips: string[] }
    >()(await doveadm.run("who"), true);
    first<
      {
        username: string;
        service: string;
        pid: number;
        ip: string | null;
        dest_ip?: string | null;
      }
    >()(await doveadm.run("who", { separateConnections: true }), true);
    const { username } = first<{ username: string; [field: string]: string }>()(
      await doveadm.run("user", { userMask: ["*"] }),
      true,
    );
    assert.equal(username, "alice");
  });
});

test("types › calls for several users › rows have a username", async () => {
  await withClient(async (doveadm) => {
    const all = await doveadm.run("mailbox list", { allUsers: true });
    assert.equal(first<{ username: string; mailbox: string }>()(all, true).username, "alice");
    const masked = await doveadm.run("mailbox list", { user: "*o?" });
    assert.equal(first<{ username: string; mailbox: string }>()(masked, true).username, "bob");
    const listed = await doveadm.run("mailbox list", { userFile: "bob\n" });
    assert.equal(first<{ username: string; mailbox: string }>()(listed, true).username, "bob");
    // A text that nobody knows beforehand may be a mask.
    const user: string = "bob";
    const perhaps = await doveadm.run("mailbox list", { user });
    assert.equal(
      first<{ username?: string; mailbox: string }>()(perhaps, true).username,
      undefined,
    );
  });
});

test("types › fields that aren't known at compile time › are optional", async () => {
  await withClient(async (doveadm) => {
    const field: ("uid" | "guid")[] = ["uid"];
    const rows = await doveadm.run("fetch", { user: "alice", field, query: ["all"] });
    const row = first<{ uid?: number; guid?: string }>()(rows, true);
    assert.deepEqual(row, { uid: 1 });
    const any: (keyof FetchFields)[] = ["uid"];
    const [other] = await doveadm.run("fetch", { user: "alice", field: any, query: ["all"] });
    const uid: number | undefined = other.uid;
    assert.equal(uid, 1);
  });
});

test("types › rows() and runAll() › the types of run()", async () => {
  await withClient(async (doveadm) => {
    for await (
      const row of doveadm.rows("fetch", { user: "alice", field: ["uid"], query: ["all"] })
    ) {
      first<{ uid: number }>()([row], true);
      // @ts-expect-error: it wasn't asked for.
      assert.equal(row.guid, undefined);
    }
    const [list, who, fetched] = await doveadm.runAll([
      ["mailbox list", { user: "alice" }],
      ["who"],
      ["fetch", { user: "*", field: ["uid"], query: ["all"] }],
    ]);
    assert(list.status === "fulfilled" && who.status === "fulfilled");
    assert(fetched.status === "fulfilled");
    assert.equal(first<{ mailbox: string }>()(list.value, true).mailbox, "INBOX");
    assert.equal(first<{ username: string; uid: number }>()(fetched.value, true).uid, 1);
    first<
      { username: string; connections: number; service: string; pids: number[]; ips: string[] }
    >()(who.value, true);
    await assert.rejects(
      async () => {
        // @ts-expect-error: there is no such command.
        await doveadm.runAll([["no such command", {}]]);
      },
      LocalProtocolError,
    );
  });
});

test("types › keys that a row doesn't have › are errors", async () => {
  await withClient(async (doveadm) => {
    const [list] = await doveadm.run("mailbox list", { user: "alice" });
    // @ts-expect-error: one user's rows don't name the user.
    assert.equal(list.username, undefined);
    const [status] = await doveadm.run("mailbox status", {
      user: "alice",
      field: ["messages"],
      mailboxMask: ["INBOX"],
    });
    // @ts-expect-error: it wasn't asked for.
    assert.equal(status.vsize, undefined);
    const [total] = await doveadm.run("mailbox status", {
      user: "alice",
      totalSum: true,
      field: ["messages"],
      mailboxMask: ["INBOX"],
    });
    // @ts-expect-error: sums are of no mailbox.
    assert.equal(total.mailbox, undefined);
    const [fetched] = await doveadm.run("fetch", {
      user: "alice",
      field: ["hdr.subject"],
      query: ["all"],
    });
    // @ts-expect-error: another header was asked for.
    assert.equal(fetched["hdr.from"], undefined);
    // @ts-expect-error: it is a text.
    const subject: number = fetched["hdr.subject"];
    assert.equal(typeof subject, "string");
    // @ts-expect-error: it gives no rows, and so none with a name.
    const name = (await doveadm.run("reload")).map((row) => row.name);
    assert.deepEqual(name, []);
  });
});

test("types › wrong calls › are errors, and rejected before anything is sent", async () => {
  await withClient(async (doveadm) => {
    const query = ["all"];
    const calls: (() => Promise<unknown>)[] = [
      // @ts-expect-error: there is no such command.
      () => doveadm.run("mailbox lsit", { user: "alice" }),
      // @ts-expect-error: it has another name.
      () => doveadm.run("mailbox list", { user: "alice", mask: ["*"] }),
      // @ts-expect-error: a list is wanted.
      () => doveadm.run("mailbox list", { user: "alice", mailboxMask: "*" }),
      // @ts-expect-error: a list of texts is wanted.
      () => doveadm.run("mailbox list", { user: "alice", mailboxMask: [1] }),
      // @ts-expect-error: yes or no is wanted.
      () => doveadm.run("mailbox list", { user: "alice", subscriptions: "yes" }),
      // @ts-expect-error: whose?
      () => doveadm.run("mailbox list", {}),
      // @ts-expect-error: whose?
      () => doveadm.run("mailbox list"),
      // @ts-expect-error: which fields, and of what?
      () => doveadm.run("mailbox status", { user: "alice" }),
      // @ts-expect-error: of which mailboxes?
      () => doveadm.run("mailbox status", { user: "alice", field: ["messages"] }),
      () =>
        doveadm.run("mailbox status", {
          user: "alice",
          // @ts-expect-error: there is no such field.
          field: ["mesages"],
          mailboxMask: ["*"],
        }),
      // @ts-expect-error: of which messages?
      () => doveadm.run("fetch", { user: "alice", field: ["uid"] }),
      // @ts-expect-error: what of them?
      () => doveadm.run("fetch", { user: "alice", query }),
      // @ts-expect-error: there is no such field.
      () => doveadm.run("fetch", { user: "alice", field: ["subject"], query }),
      // @ts-expect-error: there is no such field, and rows() is no different.
      () => doveadm.rows("fetch", { user: "alice", field: ["subject"], query }).next(),
      // @ts-expect-error: the message is missing.
      () => doveadm.run("save", { user: "alice", mailbox: "INBOX" }),
      // @ts-expect-error: a message is no number.
      () => doveadm.run("save", { user: "alice", file: 1 }).then(() => assert.fail("saved")),
      // @ts-expect-error: which one?
      () => doveadm.run("mailbox rename", { user: "alice", mailbox: "INBOX" }),
      // @ts-expect-error: it has no parameters.
      () => doveadm.run("reload", { force: true }),
      // @ts-expect-error: a number is wanted.
      () => doveadm.run("index", { user: "alice", mailboxMask: ["*"], transFlags: "1" }),
      // @ts-expect-error: who?
      () => doveadm.run("user", {}),
      () =>
        doveadm.run("copy", {
          user: "bob",
          query,
          destinationMailbox: "x",
          // @ts-expect-error: it can only be "user".
          sourceType: "x",
        }),
      // @ts-expect-error: which ones?
      () => doveadm.run("flags add", { user: "alice", flag: ["\\Seen"] }),
    ];
    for (const call of calls) await assert.rejects(call, LocalProtocolError, String(call));
  });
});
