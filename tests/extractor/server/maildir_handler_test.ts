import assert from "node:assert/strict";
import { chmod, link, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { asOrdinaryUser } from "../maildir/temporary_maildir.ts";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type ExtractorMethod,
  type ExtractorRequestInit,
  type ExtractorResponses,
} from "../../../extractor/messages/methods.ts";
import {
  type ExtractorContext,
  ExtractorFailure,
  LocalProtocolError,
  Maildir,
  maildirHandler,
  type MaildirHandlerOptions,
} from "../../../extractor/server/mod.ts";

/** Asks a handler, with all that goes over the wire really going over it. */
type Ask = <Method extends ExtractorMethod>(
  method: Method,
  request?: ExtractorRequestInit<Method>,
  context?: Partial<ExtractorContext>,
) => Promise<ExtractorResponses[Method]>;

function asking(maildir: Maildir | (() => Maildir), options?: MaildirHandlerOptions): Ask {
  const handler = maildirHandler(maildir, options);
  return async (method, request, context) => {
    const { signal } = new AbortController();
    const bytes = encodeRequest(method, request ?? ({} as never));
    const response = await handler[method]!(decodeRequest(method, bytes), {
      signal,
      maxMessageSize: 2 ** 26,
      ...context,
    });
    return decodeResponse(method, encodeResponse(method, response));
  };
}

const mails = [
  "From: Zoe <zoe@example.org>\r\nSubject: Plain\r\nDate: Wed, 12 Jun 2024 17:11:29 +0200\r\n" +
  "Message-ID: <1@example.org>\r\n\r\nA needle here.\r\n",
  "From: adam@example.org\r\nSubject: =?utf-8?Q?K=C3=A4se?=\r\nMIME-Version: 1.0\r\n" +
  'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nText\r\n' +
  '--b\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n' +
  "AQIDBA==\r\n--b--\r\n",
  "From: ned@example.org\r\nSubject: needle\r\n\r\nNothing.\r\n",
];

/** A maildir with three mails in the inbox, the last one new, and two folders. */
async function withMaildir(act: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), "dovewire-maildir-"));
  try {
    for (const folder of ["", ".Sent", ".Archive.2024"]) {
      for (const name of ["cur", "new", "tmp"]) {
        await mkdir(join(path, folder, name), { recursive: true });
      }
    }
    for (const [index, mail] of mails.entries()) {
      const file = index < 2 ? `cur/${index + 1}.host:2,S` : `new/${index + 1}.host`;
      await writeFile(join(path, file), mail);
      await utimes(join(path, file), 1_700_000_000 + index, 1_700_000_000 + index);
    }
    await act(path);
  } finally {
    await rm(path, { recursive: true });
  }
}

/** That a request comes to nothing, by its code. */
function failure(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof ExtractorFailure, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  };
}

test("all methods of a maildir", () =>
  withMaildir(async (path) => {
    const ask = asking(Maildir.open(path));
    assert.equal((await ask("auth")).failure, undefined);
    assert.deepEqual((await ask("folders")).folders, ["Archive.2024", "Sent"]);

    const { count, size, unseen } = await ask("count");
    const total = mails.reduce((sum, mail) => sum + mail.length, 0);
    assert.deepEqual([count, size, unseen], [3n, BigInt(total), 1n]);

    const page = (await ask("list", { end: 10, sortBy: "!date" })).mails;
    assert.deepEqual(page.map(({ mid }) => mid), ["3.host", "2.host", "1.host"]);
    assert.deepEqual(page.map(({ seen }) => seen), [false, true, true]);
    assert.deepEqual(page.map(({ subject }) => subject), ["needle", "Käse", "Plain"]);
    const { from, dateReceived, dateSent, messageId, contentType, folder, size: length } = page[2];
    assert.deepEqual(from.map(({ name, address }) => [name, address]), [[
      "Zoe",
      "zoe@example.org",
    ]]);
    assert.deepEqual([dateReceived?.seconds, dateSent?.seconds], [1_700_000_000n, 1718205089n]);
    assert.deepEqual([messageId, contentType, folder], ["<1@example.org>", "text/plain", ""]);
    assert.equal(length, BigInt(mails[0].length));
    const senders = (await ask("list", { start: 1, end: 3, sortBy: "sender" })).mails;
    assert.deepEqual(senders.map(({ mid }) => mid), ["3.host", "1.host"]);

    const { head, body } = await ask("read-mail", { mid: "2.host" });
    assert.equal(head?.subject, "Käse");
    assert(body?.content.case === "multipart");
    const [shown, attached] = body.content.value.parts;
    assert.deepEqual(shown.content, { case: "text", value: "Text" });
    assert.deepEqual([attached.path, attached.filename, attached.size], ["2", "a.pdf", 4n]);
    const { part, data } = await ask("part", { mid: "2.host", path: "2" });
    assert.deepEqual([part?.contentType, ...data], ["application/pdf", 1, 2, 3, 4]);

    const raw = await ask("raw", { mid: "3.host" });
    assert.equal(new TextDecoder().decode(raw.data), mails[2]);
    const piece = await ask("raw", { mid: "3.host", offset: 6n, length: 3n });
    assert.equal(new TextDecoder().decode(piece.data), "ned");
    assert.equal(piece.size, BigInt(mails[2].length));
    for (const offset of [10_000n, 2n ** 64n - 1n]) {
      assert.equal((await ask("raw", { mid: "3.host", offset })).data.length, 0);
    }
    const rest = await ask("raw", { mid: "3.host", offset: 6n, length: 2n ** 64n - 1n });
    assert.equal(rest.data.length, mails[2].length - 6);

    const found = (await ask("search", { pattern: "needle" })).mails;
    assert.deepEqual(found.map(({ mid }) => mid), ["3.host", "1.host"]);

    const unread = await ask("read-mail", { mid: "3.host" });
    const read = await ask("read-mail", { mid: "3.host", markSeen: true });
    assert.deepEqual([unread.head?.seen, read.head?.seen], [false, true]);
    assert.deepEqual(await readdir(join(path, "new")), []);

    await ask("move", { mid: "3.host", folder: "Sent" });
    assert.deepEqual(await readdir(join(path, ".Sent/cur")), ["3.host:2,S"]);
    await ask("remove", { mid: "1.host" });
    assert.deepEqual(await readdir(join(path, "cur")), ["2.host:2,S"]);

    const dateReceived2 = { seconds: 1_600_000_000n, nanos: 0 };
    const added = new TextEncoder().encode(mails[0]);
    const request = { folder: "Sent", data: added, seen: true, dateReceived: dateReceived2 };
    const { mid } = await ask("add", request);
    const oldest = (await ask("list", { end: 1, folder: "Sent" })).mails;
    assert.deepEqual([oldest[0].mid, oldest[0].dateReceived?.seconds, oldest[0].seen], [
      mid,
      1_600_000_000n,
      true,
    ]);
  }));

test("what isn't there, and what can't be", () =>
  withMaildir(async (path) => {
    const ask = asking(Maildir.open(path));
    const mid = "../cur/1.host:2,S";
    for (const method of ["read-mail", "raw", "remove"] as const) {
      await assert.rejects(ask(method, { mid }), failure("not-found", /no mail/));
    }
    for (const folder of ["Spam", "../x", "..", "Archive", ".Sent", "Sent/"]) {
      await assert.rejects(ask("count", { folder }), failure("not-found", /no folder/));
      await assert.rejects(
        ask("move", { mid: "1.host", folder }),
        failure("not-found", /no folder/),
      );
    }
    const part = { mid: "2.host", path: "3" };
    await assert.rejects(ask("part", part), failure("not-found", /no part "3"/));
    await assert.rejects(ask("list", { sortBy: "colour" }), failure("invalid", /colour/));
    await assert.rejects(ask("list", { start: 2, end: 1 }), failure("invalid", /from 2 to 1/));
    await assert.rejects(ask("search", { pattern: "(" }), failure("invalid", /pattern/));
    const dateReceived = { seconds: 2n ** 60n, nanos: 0 };
    await assert.rejects(ask("add", { dateReceived }), failure("invalid", /is none/));
  }));

test("too much is a failure that says what to do", () =>
  withMaildir(async (path) => {
    const maildir = Maildir.open(path);
    const few = asking(maildir, { maxPage: 2, maxResults: 1, maxMailSize: 150 });
    await assert.rejects(few("list", { end: 3 }), failure("limit", /more than 2/));
    await assert.rejects(few("list", { end: 2 ** 32 - 1 }), failure("limit", /more than 2/));
    assert.equal((await few("list", { start: 1, end: 3 })).mails.length, 2);
    // A page may reach behind the folder's end.
    assert.equal((await few("list", { start: 1, end: 2 ** 32 - 1 })).mails.length, 2);
    const tooMany = failure("limit", /More than 1 mails match/);
    await assert.rejects(few("search", { pattern: "needle" }), tooMany);
    assert.equal((await few("search", { pattern: "Nothing" })).mails.length, 1);
    await assert.rejects(few("read-mail", { mid: "2.host" }), failure("limit", /"raw", in pieces/));
    await assert.rejects(few("part", { mid: "2.host" }), failure("limit", /"raw", in pieces/));
    assert((await few("read-mail", { mid: "3.host" })).head !== undefined);

    const narrow = { maxMessageSize: 164 };
    const ask = asking(maildir);
    const inPieces = failure("limit", /by offset and length, of at most 100 bytes/);
    await assert.rejects(ask("raw", { mid: "2.host" }, narrow), inPieces);
    await assert.rejects(ask("raw", { mid: "2.host", length: 101n }, narrow), inPieces);
    assert.equal((await ask("raw", { mid: "2.host", length: 100n }, narrow)).data.length, 100);
  }));

test("a search that takes too long, or that nobody waits for, is given up", () =>
  withMaildir(async (path) => {
    // One file by 300 names takes less time to make than to search.
    const file = join(path, "cur/10.host:2,");
    await writeFile(file, `Subject: long\r\n\r\n${"all work and no play ".repeat(10_000)}`);
    const names = Array.from({ length: 299 }, (_, index) => `${index + 11}.host:2,`);
    await Promise.all(names.map((name) => link(file, join(path, "cur", name))));
    const maildir = Maildir.open(path);
    const hurried = asking(maildir, { searchTimeout: 1 });
    const pattern = "(\\w+ ){20}zz";
    const tooLong = failure("limit", /longer than 0.001 s, in which \d+ of 303 mails/);
    await assert.rejects(hurried("search", { pattern }), tooLong);

    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("nobody waits")), 1);
    const { signal } = controller;
    await assert.rejects(asking(maildir)("search", { pattern }, { signal }), /nobody waits/);
  }));

test("a mail that is removed meanwhile is left out of the page", () =>
  withMaildir(async (path) => {
    const maildir = Maildir.open(path);
    const { list } = maildir;
    maildir.list = (options) => {
      const page = list.call(maildir, options);
      maildir.remove(page[1]);
      return page;
    };
    const page = (await asking(maildir)("list", { end: 10 })).mails;
    assert.deepEqual(page.map(({ mid }) => mid), ["1.host", "3.host"]);
  }));

test("a mail that can't be read hides no other", () =>
  withMaildir(async (path) => {
    await chmod(join(path, "cur/2.host:2,S"), 0);
    await chmod(join(path, "new/3.host"), 0);
    const handler = maildirHandler(Maildir.open(path));
    const context = { signal: new AbortController().signal, maxMessageSize: 2 ** 26 };
    // It goes through its first mails, the last that were delivered, before it waits for anything.
    const [listed, found] = asOrdinaryUser(path, () => [
      handler.list!(decodeRequest("list", encodeRequest("list", { end: 9 })), context),
      handler.search!(decodeRequest("search", encodeRequest("search", {})), context),
    ]);
    const subjects = async (response: typeof listed | typeof found) => {
      return (await response).mails?.map(({ subject, size }) => [subject, size]);
    };
    const [first, second, third] = mails.map(({ length }) => BigInt(length));
    assert.deepEqual(await subjects(listed), [["Plain", first], ["", second], ["", third]]);
    assert.deepEqual(await subjects(found), [["Plain", first]]);
  }));

test("a mail that can't be marked as seen is read", () =>
  withMaildir(async (path) => {
    await chmod(join(path, "new"), 0o500);
    const handler = maildirHandler(Maildir.open(path));
    const context = { signal: new AbortController().signal, maxMessageSize: 2 ** 26 };
    const request = encodeRequest("read-mail", { mid: "3.host", markSeen: true });
    const { head, body } = await asOrdinaryUser(path, () => {
      return handler["read-mail"]!(decodeRequest("read-mail", request), context);
    });
    assert.deepEqual([head?.seen, body?.content?.value], [false, "Nothing.\n"]);
  }));

test("heads in a list have no more mailboxes than take some memory", () =>
  withMaildir(async (path) => {
    await writeFile(join(path, "new/4.host"), `To: ${"a,".repeat(5000)}\n\n`);
    const ask = asking(Maildir.open(path));
    const [{ to }] = (await ask("list", { end: 1, sortBy: "!date" })).mails;
    assert.equal(to.length, 1000);
    assert.equal((await ask("read-mail", { mid: "4.host" })).head?.to.length, 5000);
  }));

test("a maildir that can't be opened is each method's failure, but not that of auth", () =>
  withMaildir(async (path) => {
    const ask = asking(() => Maildir.open(join(path, "joe")));
    await ask("auth");
    await assert.rejects(ask("folders"), failure("storage", /Cannot open the maildir/));
    await assert.rejects(ask("count"), failure("storage", /Cannot open the maildir/));
    // Until it can.
    for (const name of ["cur", "new", "tmp"]) {
      await mkdir(join(path, "joe", name), { recursive: true });
    }
    assert.equal((await ask("count")).count, 0n);
    await chmod(join(path, "joe"), 0o755);
  }));

test("limits that can't be are refused", () =>
  withMaildir(async (path) => {
    const maildir = Maildir.open(path);
    for (const name of ["maxPage", "maxResults", "searchTimeout", "maxMailSize"]) {
      for (const limit of [0, -1, NaN]) {
        assert.throws(() => maildirHandler(maildir, { [name]: limit }), LocalProtocolError);
      }
    }
    await Promise.resolve();
  }));
