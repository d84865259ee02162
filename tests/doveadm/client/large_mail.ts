/**
 * A mail of any size, and a program that streams it and prints how its memory grew: `large_mail.ts
 * SOCKET SIZE`. It is a program of its own because a heap that holds the mail, as the test's does,
 * is collected later than one that doesn't.
 *
 * @module
 */

import assert from "node:assert/strict";
import process from "node:process";
import { connect } from "../../../mod.ts";

const head = new TextEncoder().encode("Subject: large\n\n");
const line = new TextEncoder().encode("0123456789".repeat(7) + "12345\n");

/** A mail of so many bytes: a head, and lines of 76 bytes. */
export function largeMail(size: number): Uint8Array {
  const mail = new Uint8Array(size);
  mail.set(head);
  for (let at = head.length; at < size; at += line.length) {
    mail.set(line.subarray(0, size - at), at);
  }
  return mail;
}

/** The byte of such a mail at a place. */
function byteAt(at: number): number {
  return at < head.length ? head[at] : line[(at - head.length) % line.length];
}

/** Streams the mail, looks at every byte, and gives the most that the resident memory grew, in bytes. */
async function growth(socket: string, size: number): Promise<number> {
  await using doveadm = connect({ path: socket });
  const fetch = { name: "fetch", user: "alice", args: ["uid text", "mailbox", "INBOX"] };
  const fields = doveadm.stream(fetch);
  const uid = await fields.next();
  assert(!uid.done);
  assert.equal(await uid.value.text(), "1");
  const text = await fields.next();
  assert(!text.done);
  const before = process.memoryUsage.rss();
  let most = before;
  let at = 0;
  for await (const chunk of text.value) {
    most = Math.max(most, process.memoryUsage.rss());
    for (const byte of chunk) if (byte !== byteAt(at++)) assert.fail(`byte ${at - 1} is ${byte}`);
  }
  assert.equal(at, size);
  assert((await fields.next()).done);
  return most - before;
}

if (import.meta.main) {
  const [socket, size] = process.argv.slice(2);
  console.log(await growth(socket, Number(size)));
}
