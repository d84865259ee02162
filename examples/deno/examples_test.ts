import { connect, type Doveadm } from "@dovewire/dovewire";
import { type MailServer, startMailServer } from "@dovewire/dovewire/testing";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { toText } from "@std/streams/to-text";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { assertSpyCallArg, assertSpyCalls, spy } from "@std/testing/mock";
import { importMbox, messagesOf } from "./import_mbox.ts";
import { reportOf } from "./report.ts";

const mbox = `From joe@example.org Mon Jan  1 00:00:00 2024
Subject: One

>From me to you.

From joe@example.org Mon Jan  1 00:00:01 2024
Subject: Two

Last line
`;

/** A stream of a text's bytes, a few at a time. */
function streamOf(text: string): ReadableStream<Uint8Array> {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const chunks = Array.from(
    { length: Math.ceil(bytes.length / 7) },
    (_, at) => bytes.subarray(at * 7, at * 7 + 7),
  );
  return ReadableStream.from(chunks);
}

describe("examples for Deno", () => {
  let server: MailServer;
  let doveadm: Doveadm;

  beforeEach(async () => {
    server = await startMailServer({ users: { tss: { mailboxes: { INBOX: [], Old: [] } } } });
    doveadm = connect(server.url) as Doveadm;
  });

  afterEach(async () => {
    await doveadm.close();
    await server.close();
  });

  it("an mbox › is split into its messages, byte for byte", async () => {
    const found: string[] = [];
    for await (const message of messagesOf(streamOf(mbox.replace("One", "\xff")))) {
      found.push(String.fromCharCode(...message));
    }
    assertEquals(found, [
      "Subject: \xff\n\nFrom me to you.\n",
      "Subject: Two\n\nLast line\n",
    ]);
  });

  it("an mbox › is imported in its order", async () => {
    const onSaved = spy();
    const options = { user: "tss", mailbox: "Old", onSaved };
    assertEquals(await importMbox(doveadm, streamOf(mbox), options), 2);
    assertSpyCalls(onSaved, 2);
    assertSpyCallArg(onSaved, 1, 0, 2);
    const query = ["mailbox", "Old"];
    const rows = await doveadm.run("fetch", { user: "tss", field: ["hdr.subject"], query });
    assertEquals(rows.map((row) => row["hdr.subject"]), ["One", "Two"]);
  });

  it("what is no mbox › is refused", async () => {
    const save = importMbox(doveadm, streamOf("Subject: One\n"), { user: "tss", mailbox: "Old" });
    await assertRejects(() => save, Error, 'begins with "Subject: One"');
  });

  it("a report › names mailboxes and fingerprints", async () => {
    assertEquals(await importMbox(doveadm, streamOf(mbox), { user: "tss", mailbox: "Old" }), 2);
    const [inbox, old] = await reportOf(doveadm, "tss");
    assertEquals([inbox.mailbox, inbox.messages, inbox.newest], ["INBOX", 0, ""]);
    assertEquals([old.mailbox, old.messages], ["Old", 2]);
    const query = ["mailbox", "Old", "subject", "Two"];
    const [{ text }] = await doveadm.run("fetch", { user: "tss", field: ["text"], query });
    const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(text));
    assertEquals(old.newest, encodeHex(digest).slice(0, 16));
    for (const { id } of [inbox, old]) assertMatch(id, /^[1-9A-HJ-NP-Za-km-z]{1,22}$/);
    assert(inbox.id !== old.id);
  });

  it("standard input › is read as text", async () => {
    assertEquals(await toText(streamOf("doveadm://localhost")), "doveadm://localhost");
  });
});
