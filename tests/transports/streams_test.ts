import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../core/mod.ts";
import { ConnectionLostError, DoveadmConnection } from "../../mod.ts";
import { fromStreams } from "../../transports/streams.ts";
import type { TransportError } from "../../transports/transport.ts";
import { rejectsWith } from "./conformance.ts";

/** A stream that takes some chunks, and then breaks. */
function breakingAfter(chunks: number): WritableStream<Uint8Array> {
  let left = chunks;
  return new WritableStream({
    write() {
      if (left-- === 0) throw new Error("no room");
    },
  });
}

/** A stream with these chunks, which stays open. */
function openStream(...chunks: readonly unknown[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk as Uint8Array);
    },
  });
}

test("fromStreams() › a write fails while the peer sends nothing › the read ends as well", async () => {
  await using transport = fromStreams({ readable: openStream(), writable: breakingAfter(0) });
  const ended = rejectsWith("other", transport.read(), "no room");
  await rejectsWith("other", transport.write(Uint8Array.of(1)), "no room");
  await ended;
});

test("fromStreams() › a write has failed › what the peer had sent is read, and then reading ends", async () => {
  const sent = [Uint8Array.of(1), Uint8Array.of(2)];
  await using transport = fromStreams({
    readable: openStream(...sent),
    writable: breakingAfter(0),
  });
  await rejectsWith("other", transport.write(Uint8Array.of(1)), "no room");
  for (const chunk of sent) assert.deepEqual(await transport.read(), chunk);
  await rejectsWith("other", transport.read(), "no room");
  await rejectsWith("other", transport.read(), "no room");
});

test("fromStreams() › a command can't be written, and the peer stays › the command fails", async () => {
  const handshake = encodeUtf8("VERSION\tdoveadm-client\t1\t2\n+\n");
  const streams = { readable: openStream(handshake), writable: breakingAfter(1) };
  await using connection = await DoveadmConnection.open(fromStreams(streams));
  await assert.rejects(connection.send({ name: "who" }), ConnectionLostError);
});

test("fromStreams() › an empty write to a stream of messages › is no message", async () => {
  const written: Uint8Array[] = [];
  const writable = new WritableStream<Uint8Array>({ write: (chunk) => void written.push(chunk) });
  await using transport = fromStreams({ readable: openStream(), writable });
  await transport.write(new Uint8Array(0));
  await transport.write(Uint8Array.of(7));
  assert.deepEqual(written, [Uint8Array.of(7)]);
});

test("fromStreams() › an empty write to a broken stream › rejects", async () => {
  await using transport = fromStreams({ readable: openStream(), writable: breakingAfter(0) });
  await rejectsWith("other", transport.write(Uint8Array.of(1)), "no room");
  await rejectsWith("other", transport.write(new Uint8Array(0)), "no room");
});

test("fromStreams() › a chunk that is no Uint8Array › the error says what it is, and reading stays ended", async () => {
  for (const [chunk, shown] of [["s3cret", "a string"], [new ArrayBuffer(1), "an object"]]) {
    const readable = openStream(chunk, Uint8Array.of(1));
    await using transport = fromStreams({ readable, writable: new WritableStream() }, "a device");
    const error = await rejectsWith(
      "other",
      transport.read(),
      "a device is gone: its readable stream",
    );
    assertTells(error, String(shown));
    assertTells(await rejectsWith("other", transport.read()), String(shown));
  }
});

test("fromStreams() › a write after closeWrite() › the error says that it was ended", async () => {
  const streams = { readable: openStream(), writable: new WritableStream<Uint8Array>() };
  await using transport = fromStreams(streams);
  await transport.closeWrite();
  await rejectsWith("closed", transport.write(Uint8Array.of(1)), "closeWrite() has ended");
});

function assertTells({ message }: TransportError, what: string): void {
  assert(message.includes(`returned ${what}.`), message);
  assert(!message.includes("s3cret"), message);
}

test("fromStreams() › close() during a write that never ends and a closeWrite() › both reject", async () => {
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const writable = new WritableStream<Uint8Array>({
    write() {
      begin();
      return new Promise(() => {});
    },
  });
  const transport = fromStreams({ readable: openStream(), writable });
  const write = rejectsWith("closed", transport.write(Uint8Array.of(1)));
  await begun;
  const ended = rejectsWith("closed", transport.closeWrite());
  await transport.close();
  await Promise.all([write, ended]);
});
