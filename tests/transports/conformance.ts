/**
 * What every transport does, whatever is under it, as tests to be registered for each of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import {
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "../../transports/transport.ts";

/** A transport under test, and its other end. Disposing of it closes both. */
export interface Conversation extends AsyncDisposable {
  /** The end that is tested. */
  readonly transport: Transport;
  /** The end that it is tested with. */
  readonly peer: Pick<Transport, "read" | "write" | "closeWrite" | "close">;
}

/** A kind of transport, and what the tests have to know of it. */
export interface Subject {
  /** What its tests are named for. */
  readonly name: string;
  /** Opens a conversation. */
  readonly open: () => Promise<Conversation>;
  /** How much "much" is, in bytes: less than 32 MiB only where that takes too long. */
  readonly much: number;
  /** What a write rejects with when the peer closes instead of reading. */
  readonly whenPeerCloses: TransportErrorCode;
  /** Whether it has what was written once write() resolves, as a system has what a socket sends. */
  readonly keepsWhatIsWritten: boolean;
  /** Whether startTls() is refused: there is no TLS, or it was started already. */
  readonly refusesTls: boolean;
  /** Whether it can be written to once the peer has ended; always if left out. */
  readonly outlivesEnd?: boolean;
  /** Whether the peer stops reading when its reader doesn't read; always if left out. */
  readonly peerWaits?: boolean;
}

export const mebibyte = 1_048_576;

/** The most that one piece of a long write holds, in bytes. */
const pieceSize = 65_536;

/** More than all buffers hold, so that writing it blocks until the peer reads. */
export const tooMuch = new Uint8Array(32 * mebibyte);

/** Registers the tests of what any transport does. */
export function testTransport(subject: Subject): void {
  testConversations(subject);
  testVolume(subject);
  if (subject.keepsWhatIsWritten) testKeeping(subject);
  testBackpressure(subject);
}

/** Registers the tests of little data, and of how conversations end. */
export function testConversations(subject: Subject): void {
  testPieces(subject);
  testEnds(subject);
  testOtherTypes(subject);
  testClosing(subject);
}

function testPieces({ name, open, much }: Subject): void {
  test(`${name} › bytes in pieces of any size › arrive in order`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(Math.min(much, 40_000));
    const sizes = [1, 2, 3, 0, 1000, 4096, 1, 10_000];
    await Promise.all([
      writePieces(transport, bytes, sizes),
      writePieces(peer, bytes, sizes),
      assertReads(peer, bytes),
      assertReads(transport, bytes),
    ]);
  });

  test(`${name} › an empty write › is not an end`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    for (const [from, to] of [[transport, peer], [peer, transport]]) {
      const reading = assertReads(to, Uint8Array.of(7));
      await from.write(new Uint8Array(0));
      await from.write(Uint8Array.of(7));
      await reading;
    }
  });

  test(`${name} › an empty write that nobody reads › resolves, and sends nothing`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    await transport.write(new Uint8Array(0));
    const reading = peer.read();
    await transport.write(Uint8Array.of(7));
    assert.deepEqual([...await reading ?? []], [7]);
  });
}

function testVolume({ name, open, much }: Subject): void {
  test(`${name} › much data in both directions at once › arrives`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const there = pattern(Math.min(much, 8 * mebibyte));
    const back = there.toReversed();
    await Promise.all([
      writePieces(transport, there, [pieceSize]),
      writePieces(peer, back, [pieceSize]),
      assertReads(peer, there),
      assertReads(transport, back),
    ]);
  });

  test(`${name} › one large write › arrives completely`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(Math.min(much, 8 * mebibyte));
    await Promise.all([transport.write(bytes), assertReads(peer, bytes)]);
  });
}

function testEnds({ name, open, much, outlivesEnd = true }: Subject): void {
  if (outlivesEnd) {
    testOutliving({ name, open, much });
    testEndingAgain({ name, open });
  }

  test(`${name} › closeWrite() after a write › the bytes arrive before the end`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(Math.min(much, 100_000));
    const send = async () => {
      await transport.write(bytes);
      await transport.closeWrite();
    };
    await Promise.all([send(), assertReads(peer, bytes)]);
    await assertEnd(peer);
  });
}

function testOutliving({ name, open, much }: Pick<Subject, "name" | "open" | "much">): void {
  test(`${name} › the peer has ended its side › writing still works`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(Math.min(much, 100_000));
    await Promise.all([peer.closeWrite(), assertEnd(transport)]);
    await Promise.all([transport.write(bytes), assertReads(peer, bytes)]);
    await Promise.all([transport.closeWrite(), assertEnd(peer)]);
    await assertEnd(transport);
  });

  test(`${name} › this side has ended › reading still works`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(Math.min(much, 100_000));
    await Promise.all([transport.write(bytes), assertReads(peer, bytes)]);
    await Promise.all([transport.closeWrite(), assertEnd(peer)]);
    await Promise.all([peer.write(bytes), assertReads(transport, bytes)]);
    await Promise.all([peer.closeWrite(), assertEnd(transport)]);
    await assertEnd(transport);
  });

  test(`${name} › a write after closeWrite() › rejects, and reading still works`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(Math.min(much, 100_000));
    await Promise.all([transport.closeWrite(), assertEnd(peer)]);
    await rejectsWith("closed", transport.write(Uint8Array.of(1)), "closeWrite() has ended");
    await Promise.all([peer.write(bytes), assertReads(transport, bytes)]);
    await Promise.all([peer.closeWrite(), assertEnd(transport)]);
  });
}

function testEndingAgain({ name, open }: Pick<Subject, "name" | "open">): void {
  test(`${name} › closeWrite() again › resolves as before, and reading still works`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    await Promise.all([transport.closeWrite(), transport.closeWrite(), assertEnd(peer)]);
    await transport.closeWrite();
    const bytes = pattern(1000);
    await Promise.all([peer.write(bytes), assertReads(transport, bytes)]);
    await Promise.all([peer.closeWrite(), assertEnd(transport)]);
    await transport.closeWrite();
    await transport.close();
    await rejectsWith("closed", transport.closeWrite());
  });
}

function testOtherTypes({ name, open }: Pick<Subject, "name" | "open">): void {
  test(`${name} › a write of what is no bytes › is refused, and changes nothing`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const others: unknown[] = [
      "a text",
      undefined,
      5,
      [1, 2],
      new Uint16Array(1),
      new ArrayBuffer(1),
    ];
    for (const chunk of others) {
      await assert.rejects(
        async () => await transport.write(chunk as Uint8Array),
        { name: "LocalProtocolError", message: /^Expected bytes, but got an? [a-z]+\. Use a / },
      );
    }
    const bytes = pattern(1000);
    await Promise.all([transport.write(bytes), assertReads(peer, bytes)]);
    await Promise.all([peer.write(bytes), assertReads(transport, bytes)]);
  });
}

function testClosing({ name, open, whenPeerCloses, refusesTls }: Subject): void {
  test(`${name} › close() during a read › the read rejects`, async () => {
    await using conversation = await open();
    const { transport } = conversation;
    const rejected = rejectsWith("closed", transport.read());
    await turn();
    await transport.close();
    await rejected;
  });

  test(`${name} › close() during a blocked write and a read › both reject`, async () => {
    await using conversation = await open();
    const { transport } = conversation;
    const rejected = [
      rejectsWith("closed", transport.write(tooMuch)),
      rejectsWith("closed", transport.read()),
    ];
    await turn();
    await transport.close();
    await Promise.all(rejected);
  });

  test(`${name} › close() during a blocked write and a closeWrite() › both end`, async () => {
    await using conversation = await open();
    const { transport } = conversation;
    const write = transport.write(tooMuch);
    await turn();
    const ended = Promise.allSettled([write, transport.closeWrite()]);
    await turn();
    await transport.close();
    await ended;
  });

  test(`${name} › other calls after close() › close() resolves, all others reject`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const unheard = peer.write(Uint8Array.of(1)).catch(() => {});
    await turn();
    await Promise.all([transport.close(), transport.close()]);
    await transport.close();
    await unheard;
    await rejectsWith("closed", transport.read());
    await rejectsWith("closed", transport.write(Uint8Array.of(1)));
    await rejectsWith("closed", transport.closeWrite());
  });

  test(`${name} › an "await using" block ends › it is closed`, async () => {
    await using conversation = await open();
    const { transport } = conversation;
    {
      await using _closed = transport;
    }
    await rejectsWith("closed", transport.read());
  });

  test(`${name} › the peer closes during a blocked write › the write rejects`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const rejected = rejectsWith(whenPeerCloses, transport.write(tooMuch));
    await turn();
    await peer.close();
    await rejected;
  });

  test(`${name} › close() while the peer reads › the peer's read ends`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const ended = peer.read().then((chunk) => assert.equal(chunk, undefined), () => {});
    await turn();
    await transport.close();
    await ended;
  });

  if (!refusesTls) return;

  test(`${name} › startTls() where there is no TLS, or was already › rejects, and closes`, async () => {
    await using conversation = await open();
    const { transport } = conversation;
    await rejectsWith("unsupported", transport.startTls({}), "Cannot start TLS with ");
    await rejectsWith("closed", transport.read());
  });
}

function testKeeping({ name, open }: Subject): void {
  test(`${name} › a buffer is changed after its write › the old bytes arrive`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(1000);
    const buffer = bytes.slice();
    await transport.write(buffer);
    buffer.fill(0);
    await assertReads(peer, bytes);
  });

  test(`${name} › close() after a write › the bytes arrive`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(1000);
    await transport.write(bytes);
    await transport.close();
    await assertReads(peer, bytes);
    await assertEnd(peer);
  });
}

function testBackpressure({ name, open, much, peerWaits = true }: Subject): void {
  if (!peerWaits) return;

  test(`${name} › this side doesn't read › the peer's writes wait`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    // The system alone may take 32 MiB of TCP where the reader is slow.
    const bytes = pattern(much * 3 / 2);
    // Having read must not make it greedy. (Not much, though: the system takes more the more is read.)
    for (const until of [0, much / 32]) {
      const progress = { written: 0 };
      const writing = writePieces(peer, bytes, [pieceSize], progress);
      const at = await assertReads(transport, bytes, { until });
      await stalled(progress);
      const taken = progress.written - at;
      assert.ok(taken <= much * 9 / 8, `${taken} bytes were taken.`);
      await assertReads(transport, bytes, { at });
      await writing;
    }
  });

  test(`${name} › the peer doesn't read › write() waits`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(much);
    const progress = { written: 0 };
    const writing = writePieces(transport, bytes, [pieceSize], progress);
    await stalled(progress);
    assert.ok(progress.written <= much / 2, `${progress.written} bytes were taken.`);
    await assertReads(peer, bytes);
    await writing;
  });
}

/** The conversation of two transports, which are closed with it. */
export function conversation([transport, peer]: [Transport, Transport]): Promise<Conversation> {
  return Promise.resolve({
    transport,
    peer,
    async [Symbol.asyncDispose](): Promise<void> {
      await transport.close();
      await peer.close();
    },
  });
}

/** Bytes that don't repeat in any way that could hide a piece lost, doubled or moved. */
export function pattern(size: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2_654_435_761);
  return new Uint8Array(words.buffer, 0, size);
}

/** Writes all bytes in pieces of these sizes, which repeat, and updates `progress`. */
async function writePieces(
  to: Pick<Transport, "write">,
  bytes: Uint8Array,
  sizes: readonly number[],
  progress = { written: 0 },
): Promise<void> {
  for (let i = 0; progress.written < bytes.length; i++) {
    const size = sizes[i % sizes.length];
    const piece = bytes.subarray(progress.written, progress.written + size);
    await to.write(piece);
    progress.written += piece.length;
  }
}

/** Reads bytes and holds them to be these, and gives how far it came: `until` at least. */
export async function assertReads(
  from: Pick<Transport, "read">,
  expected: Uint8Array,
  { at = 0, until = expected.length } = {},
): Promise<number> {
  const chunks: Uint8Array[] = [];
  let end = at;
  while (end < until) {
    const chunk = await from.read();
    assert.ok(chunk !== undefined, `It ended after ${end} of ${expected.length} bytes.`);
    chunks.push(chunk);
    end += chunk.length;
  }
  // Looked at only now: a chunk has to stay what it is while the next ones are read.
  const read = Buffer.concat(chunks);
  assert.ok(
    read.equals(expected.subarray(at, end)),
    `${read.length} bytes are other than expected.`,
  );
  return end;
}

/** Holds that nothing more comes, and that asking again doesn't change that. */
export async function assertEnd(from: Pick<Transport, "read">): Promise<void> {
  for (let i = 0; i < 3; i++) assert.equal(await from.read(), undefined);
}

/** The error that something rejects with; checks its code, and that its message has this text. */
export async function rejectsWith(
  code: TransportErrorCode,
  promise: Promise<unknown>,
  telling = "",
): Promise<TransportError> {
  const error = await promise.then(() => assert.fail(`It has not rejected.`), (error) => error);
  assert.ok(error instanceof TransportError, String(error));
  assert.equal(error.code, code, error.message);
  assert.ok(error.message.includes(telling), error.message);
  return error;
}

/** Lets what was begun get under way. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

/** Resolves when a writer hasn't got any further for a while. */
async function stalled(progress: { readonly written: number }): Promise<void> {
  for (let last = -1; last !== progress.written;) {
    last = progress.written;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
