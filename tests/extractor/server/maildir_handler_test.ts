import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
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

/** Calls a handler, with requests and answers encoded and decoded. */
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

/** Asserts that a request fails with a code and a message. */
function failure(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof ExtractorFailure, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  };
}

test("maildir handler › all methods › answer from the maildir", () =>
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

test("maildir handler › missing mails and invalid arguments › are failures", () =>
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
    await assert.rejects(ask("add", { dateReceived }), failure("invalid", /is invalid/));
  }));

test("maildir handler › requests over a limit › are failures that say what to do", () =>
  withMaildir(async (path) => {
    const maildir = Maildir.open(path);
    const few = asking(maildir, { maxPage: 2, maxResults: 1, maxMailSize: 150 });
    await assert.rejects(few("list", { end: 3 }), failure("limit", /more than 2/));
    await assert.rejects(few("list", { end: 2 ** 32 - 1 }), failure("limit", /more than 2/));
    assert.equal((await few("list", { start: 1, end: 3 })).mails.length, 2);
    // A page may extend past the folder's end.
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

test("maildir handler › a search that takes too long, or is aborted › ends early", () =>
  withMaildir(async (path) => {
    // Creating 300 links to one file takes less time than searching them.
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

test("maildir handler › a mail removed meanwhile › is left out of the page", () =>
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

test("maildir handler › an unreadable mail › doesn't hide the others", () =>
  withMaildir(async (path) => {
    await chmod(join(path, "cur/2.host:2,S"), 0);
    await chmod(join(path, "new/3.host"), 0);
    const handler = maildirHandler(Maildir.open(path));
    const context = { signal: new AbortController().signal, maxMessageSize: 2 ** 26 };
    const [listed, found] = await asOrdinaryUser(path, () =>
      Promise.all([
        handler.list!(decodeRequest("list", encodeRequest("list", { end: 9 })), context),
        handler.search!(decodeRequest("search", encodeRequest("search", {})), context),
      ]));
    const subjects = ({ mails }: typeof listed | typeof found) =>
      mails?.map(({ subject, size }) => [subject, size]);
    const [first, second, third] = mails.map(({ length }) => BigInt(length));
    assert.deepEqual(subjects(listed), [["Plain", first], ["", second], ["", third]]);
    assert.deepEqual(subjects(found), [["Plain", first]]);
  }));

test("maildir handler › a mail that can't be marked as seen › is read", () =>
  withMaildir(async (path) => {
    await chmod(join(path, "new"), 0o500);
    const handler = maildirHandler(Maildir.open(path));
    const context = { signal: new AbortController().signal, maxMessageSize: 2 ** 26 };
    const request = encodeRequest("read-mail", { mid: "3.host", markSeen: true });
    const { head, body } = await asOrdinaryUser(path, () => {
      return handler["read-mail"]!(decodeRequest("read-mail", request), context);
    });
    assert.deepEqual([head?.seen, body?.content?.value], [false, "Nothing.\n"]);
    // Otherwise only root can remove its files.
    await chmod(join(path, "new"), 0o700);
  }));

test("maildir handler › heads with many mailboxes › have a limited number in a list", () =>
  withMaildir(async (path) => {
    await writeFile(join(path, "new/4.host"), `To: ${"a,".repeat(5000)}\n\n`);
    const ask = asking(Maildir.open(path));
    const [{ to }] = (await ask("list", { end: 1, sortBy: "!date" })).mails;
    assert.equal(to.length, 1000);
    assert.equal((await ask("read-mail", { mid: "4.host" })).head?.to.length, 5000);
  }));

test("maildir handler › a maildir that can't be opened › fails each method except auth", () =>
  withMaildir(async (path) => {
    const ask = asking(() => Maildir.open(join(path, "joe")));
    await ask("auth");
    await assert.rejects(ask("folders"), failure("storage", /Cannot open the maildir/));
    await assert.rejects(ask("count"), failure("storage", /Cannot open the maildir/));
    // Until it opens.
    for (const name of ["cur", "new", "tmp"]) {
      await mkdir(join(path, "joe", name), { recursive: true });
    }
    assert.equal((await ask("count")).count, 0n);
    await chmod(join(path, "joe"), 0o755);
  }));

test("maildir handler › invalid limits › throw", () =>
  withMaildir(async (path) => {
    const maildir = Maildir.open(path);
    for (const name of ["maxPage", "maxResults", "searchTimeout", "maxMailSize"]) {
      for (const limit of [0, -1, NaN, "5", true, [5], 5n, Symbol(), {}]) {
        assert.throws(() => maildirHandler(maildir, { [name]: limit }), LocalProtocolError);
      }
    }
    for (const options of [null, "maxPage"]) {
      assert.throws(() => maildirHandler(maildir, options as never), LocalProtocolError);
    }
    for (const nothing of [undefined, null, path, {}]) {
      assert.throws(() => maildirHandler(nothing as never), LocalProtocolError);
    }
    await Promise.resolve();
  }));

/** A mail of 1188 bytes, as Dovecot's plugin writes it. */
const gzipped = [
  "H4sIAAAAAAACA+2OsQ6CMBiE9z7FvyukIINpQERQw8BgJK6k4A+i0JK2JD6+MPIKhssNl/uSy12U7BlEQoDPhTjil/dD",
  "h7ZUzYHkkkGJi5JkaXa2Hqh0KwUDx6bkPpZvrAyDIBxNbe3DW3jFgVcfU9RBvAtOsSr0MKfIM6jCgCTcIIN8xC1QDzKu",
  "wKWOB47LKJ0MGzqJZKg1b9BKEwb+vIfP5T0SQdcKBPPiBirZowZZGxT2Clawgv8BP1o5PH+kBAAA",
].join("");

const unpacked = 1188n;

test("maildir handler › a compressed mail › is listed, counted, searched, read and fetched as the original", () =>
  withMaildir(async (path) => {
    const bytes = Uint8Array.from(atob(gzipped), (character) => character.charCodeAt(0));
    const mid = "1700000009.M1P1.host,S=1188,W=1235";
    await writeFile(join(path, ".Sent/cur", `${mid}:2,S`), bytes);
    // Damaged mails don't hide the others, and errors name them.
    await writeFile(join(path, ".Sent/cur/broken,S=1188:2,S"), bytes.subarray(0, 100));
    await writeFile(join(path, ".Sent/cur/unknown.host:2,S"), bytes.subarray(0, 100));
    const ask = asking(Maildir.open(path));
    for (const sortBy of ["date", "subject", "size", "sender"]) {
      const { mails } = await ask("list", { folder: "Sent", end: 9, sortBy });
      const seen = mails.map(({ mid, subject, size }) => [mid, subject, size] as const);
      assert.deepEqual(
        new Set(seen.map(([mid]) => mid)),
        new Set([mid, "broken,S=1188", "unknown.host"]),
      );
      assert(
        seen.some(([, subject, size]) => subject === "Gepackt für später" && size === unpacked),
      );
    }
    const { count, size } = await ask("count", { folder: "Sent" });
    assert.deepEqual([count, size], [3n, unpacked + unpacked + 100n]);
    const found = await ask("search", { folder: "Sent", pattern: "(?i)gepackt" });
    assert.deepEqual(found.mails.map((mail) => [mail.mid, mail.size]), [[mid, unpacked]]);

    const { head, body } = await ask("read-mail", { mid });
    assert.deepEqual([head?.subject, head?.size], ["Gepackt für später", unpacked]);
    const text = body?.content.value;
    assert(typeof text === "string" && !text.includes("\x1f"));
    const whole = await ask("raw", { mid });
    assert.deepEqual([whole.size, BigInt(whole.data.length)], [unpacked, unpacked]);
    const pieces = [0n, 500n, 1000n, 1188n, 2n ** 64n - 1n].map(async (offset) => {
      const piece = await ask("raw", { mid, offset, length: 500n });
      assert.equal(piece.size, unpacked);
      return [...piece.data];
    });
    assert.deepEqual(Uint8Array.from((await Promise.all(pieces)).flat()), whole.data);
    assert.deepEqual((await ask("part", { mid, path: "" })).data.length, whole.data.length - 188);

    for (const mid of ["broken,S=1188", "unknown.host"]) {
      for (const method of ["read-mail", "raw", "part"] as const) {
        const unpacks = failure(
          "storage",
          /^Cannot unpack the mail ".+", which is compressed as gz: /,
        );
        await assert.rejects(ask(method, { mid }), unpacks);
      }
    }
    const little = asking(Maildir.open(path, { maxUnpackedSize: 1187 }));
    await assert.rejects(
      little("raw", { mid }),
      failure("limit", /unpacks to more than 1187 bytes/),
    );
    await assert.rejects(little("read-mail", { mid }), failure("limit", /more than 1187 bytes/));
    const small = asking(Maildir.open(path), { maxMailSize: 1187 });
    await assert.rejects(small("read-mail", { mid }), failure("limit", /has 1188 bytes/));
    // The sizes before and after the move are equal.
    await ask("move", { mid, folder: "" });
    const { mails } = await ask("list", { end: 9, sortBy: "!size" });
    assert.deepEqual([mails[0].mid, mails[0].size, mails[0].seen], [mid, unpacked, true]);
    await ask("remove", { mid });
  }));

test("maildir handler › a mail in new with flags › is seen if its flags say so", () =>
  withMaildir(async (path) => {
    for (const [name, subject] of [["1.M1:2,S", "read"], ["2.M2:2,", "unread"], ["3.M3", "new"]]) {
      await writeFile(join(path, ".Sent/new", name), `Subject: ${subject}\n\nHello.\n`);
    }
    const ask = asking(Maildir.open(path));
    const seen = async (folder: string) => {
      const { mails } = await ask("list", { folder, end: 9, sortBy: "!subject" });
      const { mails: found } = await ask("search", { folder, pattern: "Hello" });
      for (const mail of [...mails, ...found]) {
        assert.equal((await ask("read-mail", { mid: mail.mid })).head?.seen, mail.seen, mail.mid);
      }
      const { unseen } = await ask("count", { folder });
      assert.equal(unseen, BigInt(mails.filter(({ seen }) => !seen).length));
      return mails.map(({ subject, seen }) => [subject, seen]);
    };
    assert.deepEqual(await seen("Sent"), [["unread", false], ["read", true], ["new", false]]);
    await ask("read-mail", { mid: "2.M2", markSeen: true });
    await ask("read-mail", { mid: "1.M1", markSeen: true });
    assert.deepEqual(await seen("Sent"), [["unread", true], ["read", true], ["new", false]]);
    assert.deepEqual((await readdir(join(path, ".Sent/new"))).sort(), ["3.M3"]);
    await writeFile(join(path, ".Sent/new/4.M4:2,FS"), "Subject: flagged\n\nHello.\n");
    for (const mid of ["1.M1", "2.M2", "3.M3", "4.M4"]) {
      await ask("move", { mid, folder: "Archive.2024" });
    }
    assert.deepEqual(await seen("Archive.2024"), [
      ...[["unread", true], ["read", true], ["new", false], ["flagged", true]],
    ]);
    const names = (await readdir(join(path, ".Archive.2024/cur"))).sort();
    assert.deepEqual(names, ["1.M1:2,S", "2.M2:2,S", "3.M3:2,", "4.M4:2,FS"]);
  }));

test("maildir handler › invalid sizes in names › are no internal failure", () =>
  withMaildir(async (path) => {
    const nonsense = ["-5", "", "x", "1e9", "0x10", "1.5", "99999999999999999999", "9".repeat(150)];
    const names = nonsense.map((size, index) => `${index}.host,S=${size}:2,S`);
    for (const name of names) await writeFile(join(path, ".Sent/cur", name), "12345");
    const largest = Number.MAX_SAFE_INTEGER;
    for (let number = 0; number < 2100; number++) {
      await writeFile(join(path, ".Archive.2024/cur", `${number}.host,S=${largest}:2,S`), "12345");
    }
    const ask = asking(Maildir.open(path));
    assert.equal((await ask("count", { folder: "Sent" })).size, BigInt(5 * names.length));
    // The most that both JSON and messages hold.
    assert.equal((await ask("count", { folder: "Archive.2024" })).size, BigInt(largest));
    for (const folder of ["Sent", "Archive.2024"]) {
      const { mails: [mail] } = await ask("list", { folder, end: 1, sortBy: "!size" });
      assert(mail.size === 5n || mail.size === BigInt(largest));
      // The file's bytes are read, whatever size its name has.
      const { data, size } = await ask("raw", { mid: mail.mid });
      assert.deepEqual([data.length, size], [5, 5n]);
      await ask("read-mail", { mid: mail.mid });
    }
  }));

/** A file system that accepts sparse files of any size. */
const shm = existsSync("/dev/shm") ? "/dev/shm" : undefined;

test(
  "maildir handler › a file larger than exact numbers › is the failure limit",
  { skip: !shm },
  async () => {
    const path = await mkdtemp("/dev/shm/dovewire-maildir-");
    try {
      for (const name of ["cur", "new", "tmp"]) await mkdir(join(path, name));
      for (const name of ["1", "2", "3", "4"]) {
        // 2^63 - 1 bytes: together they are more than 2^64.
        execFileSync("truncate", ["-s", "9223372036854775807", join(path, `cur/${name}:2,`)]);
      }
      const ask = asking(Maildir.open(path));
      assert.equal((await ask("count")).size, BigInt(Number.MAX_SAFE_INTEGER));
      const { mails } = await ask("list", { end: 9, sortBy: "size" });
      assert.deepEqual(
        mails.map(({ size }) => size),
        Array(4).fill(BigInt(Number.MAX_SAFE_INTEGER)),
      );
      await assert.rejects(ask("raw", { mid: "1" }), failure("limit", /bytes/));
      await assert.rejects(ask("read-mail", { mid: "1" }), failure("limit", /bytes/));
      const { data } = await ask("raw", { mid: "1", offset: 2n ** 53n - 3n, length: 50n });
      assert.equal(data.length, 2);
      const far = await ask("raw", { mid: "1", offset: 2n ** 64n - 1n });
      assert.equal(far.data.length, 0);
    } finally {
      await rm(path, { recursive: true });
    }
  },
);
