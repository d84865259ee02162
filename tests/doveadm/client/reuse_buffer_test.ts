/**
 * Streams that reuse memory, over a transport that overwrites each chunk as soon as it is handed back.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { tabEscape } from "../../../core/doveadm/mod.ts";
import { concat, decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";
import { serve } from "../../../doveadm/server/mod.ts";
import {
  AbortError,
  CommandError,
  connect,
  type Connector,
  DoveadmCluster,
  DoveadmConnection,
  LocalProtocolError,
} from "../../../mod.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { connect as connectTransport } from "../../../transports/mod.ts";
import type { Transport } from "../../../transports/transport.ts";
import { ServerBytes } from "../../core/doveadm/dialogue.ts";
import { changed, turn } from "../../transports/driver_setup.ts";

const fetch = { name: "fetch", user: "alice", args: ["text"] };
const line = "\talice\tfetch\ttext\n";

/** What overwritten bytes are. */
const overwritten = 0x58;

/** A connection and its server, and how many bytes were handed back. */
interface Ends {
  readonly connection: DoveadmConnection;
  readonly server: Transport;
  readonly bytes: ServerBytes;
  readonly recycled: () => number;
  /** Resolves when so many commands have arrived. */
  readonly hears: (commands: number) => Promise<void>;
}

async function connected(minor: number, cut?: () => number): Promise<Ends> {
  const [here, server] = memoryPair({ cut, capacity: 1_000_000 });
  let recycled = 0;
  const transport = changed(here, {
    recycle(chunk) {
      recycled += chunk.length;
      chunk.fill(overwritten);
    },
  });
  const bytes = new ServerBytes(minor);
  await server.write(bytes.welcome());
  const options = { maxMinor: minor, timeout: 0 };
  const connection = await DoveadmConnection.open(transport, options);
  let heard = "";
  const hears = async (commands: number) => {
    while (heard.split(line).length <= commands) heard += decodeUtf8((await server.read())!);
  };
  return { connection, server, bytes, recycled: () => recycled, hears };
}

/** Has a chunk's memory moved. */
const transferOf = (chunk: Uint8Array) => ({ transfer: [chunk.buffer as ArrayBuffer] });

/** A value as it is on the wire. */
const onTheWire = (value: string) => `${tabEscape(value)}\t`;

/** The values of the answer. */
const values = ["a\tb\n".repeat(100), "", "x".repeat(600), "\x01\0\r", "é".repeat(100), "end"];

/** Answers the first command, with a line of the log among the values. */
async function answer({ server, bytes, hears }: Ends): Promise<void> {
  await hears(1);
  await server.write(bytes.all(
    bytes.main(values.map(onTheWire).join("")),
    bytes.log("info", "a line of the log"),
    bytes.main("\n+\n"),
  ));
}

for (const minor of [0, 2, 4]) {
  test(`reuseBuffer › 1.${minor}, chunks of any size › chunks are whole until the next is requested`, async () => {
    for (const size of [1, 7, 100, 1_000_000]) {
      const ends = await connected(minor, () => size);
      const { connection, recycled } = ends;
      const reading = (async () => {
        const seen: string[] = [];
        for await (const field of connection.stream(fetch, { reuseBuffer: true })) {
          const copies: Uint8Array[] = [];
          for await (const chunk of field) {
            const copy = chunk.slice();
            if (seen.length % 3 === 0 && copies.length < 4) await turn();
            assert.deepEqual(chunk, copy, "it was overwritten too early");
            copies.push(copy);
          }
          seen.push(decodeUtf8(concat(copies)));
        }
        return seen;
      })();
      await answer(ends);
      assert.deepEqual(await reading, values, `in chunks of ${size}`);
      if (size <= 7) assert(recycled() > 500, `only ${recycled()} bytes were handed back`);
      await connection.close();
    }
  });
}

test("reuseBuffer › bytes() and text() › are the caller's own", async () => {
  const { connection, server, bytes, recycled, hears } = await connected(0, () => 100);
  const reading = (async () => {
    const seen: (string | Uint8Array)[] = [];
    for await (const field of connection.stream(fetch, { reuseBuffer: true })) {
      seen.push(seen.length % 2 === 0 ? await field.bytes() : await field.text());
    }
    return seen.map((value) => typeof value === "string" ? value : decodeUtf8(value));
  })();
  await hears(1);
  await server.write(bytes.main(`${values.map(onTheWire).join("")}\n+\n`));
  assert.deepEqual(await reading, values);
  assert(recycled() > 0);
  await connection.close();
});

test("reuseBuffer › left out › no chunk is handed back, and collected chunks are whole", async () => {
  const { connection, server, bytes, recycled, hears } = await connected(0, () => 100);
  const reading = (async () => {
    const chunks: Uint8Array[] = [];
    for await (const field of connection.stream(fetch)) {
      for await (const chunk of field) chunks.push(chunk);
    }
    return decodeUtf8(concat(chunks));
  })();
  await hears(1);
  const before = recycled();
  await server.write(bytes.main(`${values.map(onTheWire).join("")}\n`));
  await server.write(bytes.main("+\n"));
  assert.equal(await reading, values.join(""));
  // The end of the reply was in a chunk of its own, to which nothing refers.
  assert(recycled() - before <= 3, `${recycled() - before} bytes were handed back`);
  await connection.close();
});

for (const minor of [0, 2, 4]) {
  test(`reuseBuffer › 1.${minor}, left out › a caller may transfer each chunk`, async () => {
    for (const size of [1, 7, 100, 1_000_000]) {
      const ends = await connected(minor, () => size);
      const { connection } = ends;
      const reading = (async () => {
        const seen: string[] = [];
        for await (const field of connection.stream(fetch)) {
          const parts: Uint8Array[] = [];
          for await (const chunk of field) parts.push(structuredClone(chunk, transferOf(chunk)));
          seen.push(decodeUtf8(concat(parts)));
        }
        return seen;
      })();
      await answer(ends);
      assert.deepEqual(await reading, values, `in chunks of ${size}`);
      await connection.close();
    }
  });
}

test("reuseBuffer › other commands on the connection › their answers are never overwritten", async () => {
  for (const size of [1, 50, 1_000_000]) {
    const { connection, server, bytes, hears } = await connected(2, () => size);
    const before = connection.send(fetch);
    const stream = connection.stream(fetch, { reuseBuffer: true });
    const first = stream.next();
    const kept: Promise<Uint8Array[]> = (async () => {
      const chunks: Uint8Array[] = [];
      for await (const field of connection.stream(fetch)) {
        for await (const chunk of field) chunks.push(chunk);
      }
      return chunks;
    })();
    const after = connection.send(fetch);
    await hears(4);
    await server.write(
      bytes.main(`before\x01\x01\t\n+\nval\x01tue\t\n+\nkept\x01n\t\n+\nafter\x01n\t\n+\n`),
    );
    const field = await first;
    assert(!field.done);
    const [chunk] = await Array.fromAsync(field.value, (chunk) => chunk.slice());
    assert.equal(chunk[0], 0x76);
    assert((await stream.next()).done);
    // Everything was read by now; what was collected is decoded late.
    assert.deepEqual((await before).rawFields.map(decodeUtf8), ["before\x01"]);
    assert.equal(decodeUtf8(concat(await kept)), "kept\n");
    assert.deepEqual((await after).fields, ["after\n"]);
    await connection.close();
  }
});

test("reuseBuffer › a caller that is slower than the reply › keeps its last chunk while others are read", async () => {
  const { connection, server, bytes, hears } = await connected(0);
  const stream = connection.stream(fetch, { reuseBuffer: true });
  const first = stream.next();
  const other = connection.send(fetch);
  await hears(2);
  await server.write(bytes.main("one\t\n+\n"));
  const field = await first;
  assert(!field.done);
  const { value: chunk } = await field.value[Symbol.asyncIterator]().next();
  await server.write(bytes.main("two\t\n+\n"));
  // The reply to the stream is complete: it holds up nobody.
  assert.deepEqual((await other).fields, ["two"]);
  assert.equal(decodeUtf8(chunk), "one");
  await connection.close();
});

test("reuseBuffer › a caller that leaves, aborts, or whose command fails › the usual error", async () => {
  const one = await connected(0);
  for await (
    const field of one.connection.stream(fetch, { reuseBuffer: true, ...answerLate(one) })
  ) {
    for await (const chunk of field) {
      assert.equal(decodeUtf8(chunk), "one");
      break;
    }
    break;
  }
  assert(!one.connection.isOpen);

  const two = await connected(0);
  const controller = new AbortController();
  const aborted = (async () => {
    const options = { reuseBuffer: true, signal: controller.signal, ...answerLate(two) };
    for await (const field of two.connection.stream(fetch, options)) {
      for await (const chunk of field) {
        controller.abort();
        await turn();
        assert.equal(decodeUtf8(chunk), "one");
      }
    }
  })();
  await assert.rejects(aborted, AbortError);

  const three = await connected(0);
  const failed = Array.fromAsync(three.connection.stream(fetch, { reuseBuffer: true }));
  await three.hears(1);
  await three.server.write(three.bytes.main("\n-NOUSER\n"));
  await assert.rejects(failed, CommandError);
  await three.connection.close();
});

/** Answers the command with one value and no end, once it has come. */
function answerLate({ server, bytes, hears }: Ends): Record<string, never> {
  void hears(1).then(() => server.write(bytes.main("one\t")));
  return {};
}

test("reuseBuffer › no boolean › LocalProtocolError", async () => {
  const { connection } = await connected(0);
  for (const reuseBuffer of [1, "5", null, NaN]) {
    const options = { reuseBuffer: reuseBuffer as unknown as boolean };
    await assert.rejects(connection.stream(fetch, options).next(), LocalProtocolError);
  }
  await connection.close();
});

test("reuseBuffer › many values in two chunks › all of them, in order", async () => {
  const { connection, server, bytes, hears } = await connected(0);
  const numbers = Array.from({ length: 10_000 }, (_, at) => `${at}`);
  const reading = (async () => {
    const seen: string[] = [];
    for await (const field of connection.stream(fetch, { reuseBuffer: true })) {
      seen.push(await field.text());
    }
    return seen;
  })();
  await hears(1);
  const wire = bytes.main(encodeUtf8(`${numbers.map(onTheWire).join("")}\n+\n`));
  await server.write(wire.subarray(0, 20_001));
  await server.write(wire.subarray(20_001));
  assert.deepEqual(await reading, numbers);
  await connection.close();
});

for (const kind of ["pool", "cluster"] as const) {
  test(`reuseBuffer › a stream of a ${kind} › has its chunks handed back, others have not`, async () => {
    const value = "some\tmail\n".repeat(50_000);
    const options = { hostname: "127.0.0.1", port: 0, password: "x" };
    await using server = await serve(options, () => [value]);
    const { address } = server;
    let recycled = 0;
    const connector: Connector = async () => {
      const transport = await connectTransport(address);
      return changed(transport, {
        recycle(chunk) {
          recycled += chunk.length;
          chunk.fill(overwritten);
        },
      });
    };
    const client = { password: "x", connector };
    await using doveadm = kind === "pool"
      ? connect("doveadm://127.0.0.1", client)
      : new DoveadmCluster(["doveadm://127.0.0.1"], client);
    const read = async (reuseBuffer: boolean) => {
      let text = "";
      for await (const field of doveadm.stream(fetch, { reuseBuffer })) text += await field.text();
      return text;
    };
    assert.equal(await read(false), value);
    const before = recycled;
    assert.equal(await read(true), value);
    assert(before < 10_000, `${before} bytes were handed back`);
    assert(recycled > value.length / 2, `only ${recycled} bytes were handed back`);
  });
}
