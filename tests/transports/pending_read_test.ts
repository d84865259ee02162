/** Reads that are under way, with a promise and without. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryPair } from "../../transports/memory.ts";
import { connect, listen } from "../../transports/node.ts";
import {
  PendingRead,
  type Read,
  readFor,
  type ReadReceiver,
} from "../../transports/pending_read.ts";
import { TransportError } from "../../transports/transport.ts";

const place = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;

/** The outcome of a read. */
function outcomeOf(reading: PendingRead): Promise<Read> {
  return new Promise((resolve) => reading.whenDone(resolve));
}

test("a pending read › of a transport that tells at once › calls nobody back before it returns", async () => {
  const [transport] = memoryPair();
  const chunk = Uint8Array.of(1);
  const told: Read[] = [];
  const tells = { [readFor]: (receiver: ReadReceiver) => receiver.receive({ chunk }) };
  const reading = new PendingRead(Object.assign(transport, tells));
  reading.whenDone((read) => told.push(read));
  assert.deepEqual(told, []);
  assert.equal(reading.outcome, undefined);
  await Promise.resolve();
  assert.deepEqual(told, [{ chunk }]);
  assert.deepEqual(reading.outcome, { chunk });
});

test("a pending read › of a socket › has what came, then what comes, and then the end", async () => {
  await using listener = await listen(place);
  await using client = await connect(listener.address);
  await using server = (await listener.accept())!;
  assert(readFor in server);
  await client.write(Uint8Array.of(1, 2));
  assert.deepEqual(await outcomeOf(new PendingRead(server)), { chunk: Uint8Array.of(1, 2) });
  const waiting = outcomeOf(new PendingRead(server));
  await client.write(Uint8Array.of(3));
  assert.deepEqual(await waiting, { chunk: Uint8Array.of(3) });
  const last = outcomeOf(new PendingRead(server));
  await client.closeWrite();
  assert.deepEqual(await last, { end: true });
});

test("a pending read › of a socket that is closed meanwhile › has the error that read() rejects with", async () => {
  await using listener = await listen(place);
  await using client = await connect(listener.address);
  await using server = (await listener.accept())!;
  const waiting = outcomeOf(new PendingRead(client));
  await client.close();
  const read = await waiting;
  assert("error" in read && read.error instanceof TransportError);
  assert.equal(read.error.code, "closed");
  await assert.rejects(client.read(), read.error);
  await server.close();
});

test("the sockets of many transports › that read at once › each get their own bytes", async () => {
  await using listener = await listen(place);
  const pairs = await Promise.all(Array.from({ length: 20 }, async (_, at) => {
    const client = await connect(listener.address);
    await client.write(Uint8Array.of(at));
    const server = (await listener.accept())!;
    return { client, server };
  }));
  for (const { server } of pairs) {
    const read = await outcomeOf(new PendingRead(server));
    assert("chunk" in read);
    await server.write(read.chunk);
  }
  const seen = await Promise.all(pairs.map(async ({ client }, at) => {
    assert.deepEqual(await client.read(), Uint8Array.of(at));
    return at;
  }));
  assert.equal(seen.length, 20);
  for (const { client, server } of pairs) await Promise.all([client.close(), server.close()]);
});
