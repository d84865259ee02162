/**
 * The first line of a command's input, on real servers that refuse the command.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { dotStuff } from "../../../core/doveadm/mod.ts";
import { concat, encodeUtf8 } from "../../../core/mod.ts";
import type { Dovecot } from "../../harness/dovecot/dovecot.ts";
import {
  bytesOf,
  exchange,
  firstLines,
  forEach,
  mailboxes,
  refusals,
  type Refused,
  startWithLastingProcesses,
  wireOf,
} from "./first_lines.ts";

/** The same bytes, handshake ahead, whose first line stands there without its dot. */
function withoutDot(refused: Refused, input: Uint8Array): Uint8Array {
  const wire = wireOf(refused, bytesOf("x"));
  const line = wire.subarray(0, wire.lastIndexOf(0x2e, wire.length - 4));
  return concat([line, input, encodeUtf8("\r\n.\r\n")]);
}

/** The files of all mails in a mailbox, as texts of bytes. */
async function mailsIn(folder: string): Promise<string[]> {
  const texts = ["cur", "new"].map(async (name) => {
    const files = await readdir(join(folder, name));
    return await Promise.all(files.map((file) => readFile(join(folder, name, file), "latin1")));
  });
  return (await Promise.all(texts)).flat().sort();
}

/** No first line runs, whatever the server refuses the command for. */
async function checkRefused(dovecot: Dovecot): Promise<void> {
  const { socket } = dovecot;

  // Without the dot each refusal that doesn't read the input runs it: the test could fail.
  const before = await mailboxes(dovecot, "alice");
  for (const [at, [what, refused]] of Object.entries(refusals).entries()) {
    const name = `Seen-${at}`;
    const command = bytesOf(`\x01v\talice\tmailbox create\t${name}\nx\n`);
    assert.match(await exchange(socket, withoutDot(refused, command)), refused.reply, what);
    const isThere = (await mailboxes(dovecot, "alice")).includes(name);
    assert.equal(isThere, refused.runsInput, `${what} ran an input that had no dot`);
  }

  const expected = await mailboxes(dovecot, "alice");
  assert(expected.length > before.length);
  const running = Object.entries(refusals).filter(([, { runsInput }]) => runsInput);
  const tries = running.flatMap(([what, refused], nth) =>
    // Long lines take long, and aren't tried each way.
    firstLines.filter(({ length }) => length < 10_000 || nth < 2)
      .map((line) => ({ what, refused, line }))
  );
  await forEach(tries, async ({ what, refused, line }) => {
    const reply = await exchange(socket, wireOf(refused, bytesOf(line)));
    // A server that closes while a long input is written may take its answer along.
    if (line.length >= 10_000) return;
    const name = `${what}: ${JSON.stringify(line.slice(0, 60))}`;
    assert.match(reply, refused.reply, name);
    assert.equal(reply.split(/\n[-+]/).length, 2, `${name} got a second answer: ${reply}`);
  });
  for (const refused of Object.values(refusals).filter(({ runsInput }) => !runsInput)) {
    const reply = await exchange(socket, wireOf(refused, ...firstLines.map(bytesOf)));
    const [answer] = refused.reply.exec(reply) ?? [""];
    assert.equal(reply, answer.repeat(firstLines.length));
  }

  // The server reads a line that arrives in two pieces.
  const usage = refusals["an unknown option"];
  const cut = firstLines.filter((line) => line.length < 60).slice(0, 12).flatMap((line) => {
    const wire = wireOf(usage, bytesOf(line));
    const start = wire.length - dotStuff(bytesOf(line)).length;
    return [0, 1, 2, 3, 4].map((at) => [wire.subarray(0, start + at), wire.subarray(start + at)]);
  });
  await forEach(cut, async (pieces) => {
    const reply = await exchange(socket, ...pieces);
    assert.equal(reply, "\n-USAGE\n", JSON.stringify(pieces.map(String)));
  });
  assert.deepEqual(await mailboxes(dovecot, "alice"), expected);
}

/** Every input arrives as it was. */
async function checkRead(dovecot: Dovecot): Promise<void> {
  const lines = firstLines.filter((line) => line.length < 10_000);
  const save = { name: "save", args: ["-m", "Projects"] };
  const folder = join(dovecot.folder, "mail", "alice", "Maildir", ".Projects");
  const before = await mailsIn(folder);
  const reply = await exchange(dovecot.socket, wireOf(save, ...lines.map(bytesOf)));
  assert.equal(reply, "\n+\n".repeat(lines.length));
  const after = await mailsIn(folder);
  for (const old of before) after.splice(after.indexOf(old), 1);
  // Mails are stored with the line end LF, and a CR at the end is lost, with or without an LF.
  const stored = lines.map((line) => line.replaceAll("\r\n", "\n").replace(/\r$/, ""));
  assert.deepEqual(after, stored.sort());
}

for (const version of ["2.3", "2.4"] as const) {
  test(`a first line of input › on Dovecot ${version} › never runs as a command, and arrives unchanged`, async () => {
    assert(firstLines.length >= 200, `only ${firstLines.length} first lines`);
    await using dovecot = await startWithLastingProcesses(version);
    await checkRefused(dovecot);
    await checkRead(dovecot);
  });
}
