/**
 * The values of a stream, read in other ways than one after the other.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortError,
  connect,
  LocalProtocolError,
  RemoteProtocolError,
  type StreamedField,
} from "../../../mod.ts";
import { startMailServer } from "../../../testing/mod.ts";
import { errorOf } from "./fake_server.ts";

const sizes = [1, 500_000, 0, 3, 200_000, 2];
const bodies = sizes.map((size, at) => `${at}`.repeat(size));
const mails = bodies.map((body) => `Subject: x\n\n${body}`);
const fetch = { name: "fetch", user: "alice", args: ["text", "all"] };

/** Streams the texts of all mails, over doveadm's own protocol and over HTTP. */
async function streaming(
  act: (fields: AsyncGenerator<StreamedField>, over: "TCP" | "HTTP") => Promise<void>,
): Promise<void> {
  const users = { alice: { mailboxes: { INBOX: mails } } };
  await using server = await startMailServer({ users, http: true });
  for (const over of ["TCP", "HTTP"] as const) {
    await using doveadm = connect(over === "TCP" ? server.url : server.http!.url);
    await act(doveadm.stream(fetch), over);
  }
}

const whole = async (texts: readonly Promise<string>[]) =>
  (await Promise.all(texts)).map((text) => text.replaceAll("\r\n", "\n"));

test("stream › text() that isn't waited for › each value's own, and none is left out", async () => {
  await streaming(async (fields) => {
    const reading: Promise<string>[] = [];
    for await (const field of fields) reading.push(field.text());
    assert.deepEqual(await whole(reading), mails);
  });
});

test("stream › a value that is read twice, also at once › LocalProtocolError, and no other value's text", async () => {
  await streaming(async (fields) => {
    const reading: Promise<string>[] = [];
    for await (const field of fields) {
      reading.push(field.text());
      const again = [() => field.text(), () => field.bytes(), () => Array.fromAsync(field)];
      for (const read of again) {
        await assert.rejects(async () => await read(), LocalProtocolError);
      }
    }
    assert.deepEqual(await whole(reading), mails);
  });
});

test("stream › values that are read after the loop › LocalProtocolError over TCP, and not empty", async () => {
  await streaming(async (fields, over) => {
    const all = await Array.fromAsync(fields);
    assert.equal(all.length, mails.length);
    if (over === "HTTP") assert.deepEqual(await whole(all.map((field) => field.text())), mails);
    else {for (const field of all) {
        await assert.rejects(field.text(), { code: "local-protocol", sent: true });
      }}
  });
});

test("stream › a value whose first chunk was read › has the rest", async () => {
  await streaming(async (fields) => {
    const found: string[] = [];
    for await (const field of fields) {
      let text = "";
      for await (const chunk of field) {
        text = new TextDecoder().decode(chunk);
        break;
      }
      found.push(text + await field.text());
    }
    assert.deepEqual(found.map((text) => text.replaceAll("\r\n", "\n")), mails);
  });
});

test("stream › left while a value is read › AbortError, and not a part of it", async () => {
  await streaming(async (fields, over) => {
    let reading: Promise<unknown> | undefined;
    let count = 0;
    for await (const field of fields) {
      if (++count < 2) continue;
      reading = over === "HTTP" ? whole([field.text()]) : errorOf(field.text());
      break;
    }
    if (over === "HTTP") assert.deepEqual(await reading, [mails[1]]);
    else assert(await reading instanceof AbortError);
  });
});

test("stream › a value over the limit › isn't collected, but can be taken chunk by chunk", async () => {
  const users = { alice: { mailboxes: { INBOX: mails } } };
  await using server = await startMailServer({ users });
  await using doveadm = connect(server.url, { limits: { reply: 300_000 } });
  const found: unknown[] = [];
  for await (const field of doveadm.stream(fetch)) {
    const size = await field.bytes().then((bytes) => bytes.length, (error) => {
      assert(error instanceof RemoteProtocolError && error.sent);
      assert.match(
        error.message,
        /more than 300000 bytes.*chunk by chunk, or raise "limits.reply"/,
      );
      return error.limit;
    });
    found.push(size);
  }
  assert.deepEqual(found, bodies.map((body) => body.length > 300_000 ? "reply" : body.length + 12));
  let most = 0;
  for await (const field of doveadm.stream(fetch)) {
    let size = 0;
    for await (const chunk of field) size += chunk.length;
    most = Math.max(most, size);
  }
  assert.equal(most, 500_012);
});
