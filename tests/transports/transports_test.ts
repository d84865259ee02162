import assert from "node:assert/strict";
import { test } from "node:test";
import { connect as connectWithBun } from "../../transports/bun.ts";
import { connect as connectWithDeno } from "../../transports/deno.ts";
import { connect } from "../../transports/mod.ts";
import { connect as connectWithNode } from "../../transports/node.ts";
import { fromStreams } from "../../transports/streams.ts";
import type { Connector, Transport } from "../../transports/transport.ts";
import { listen } from "../harness/sockets.ts";
import { conversation, testTransport } from "./conformance.ts";
import { testSockets } from "./socket_conformance.ts";

/** The adapters of this runtime: its own first, and that for Node, which runs on each of them. */
const adapters: [name: string, connect: Connector][] = [["node.ts", connectWithNode]];
if ("Deno" in globalThis) adapters.unshift(["deno.ts", connectWithDeno]);
if ("Bun" in globalThis) adapters.unshift(["bun.ts", connectWithBun]);

for (const [name, connect] of adapters) {
  const encryption = "clear";
  testSockets({ name: `${name} over TCP`, connect, kind: "tcp", encryption });
  testSockets({ name: `${name} over a UNIX socket`, connect, kind: "unix", encryption });
}

for (const encryption of ["TLS", "STARTTLS"] as const) {
  const [[name, connect]] = adapters;
  const over = (what: string) => `${name} over ${what} with ${encryption}`;
  testSockets({ name: over("TCP"), connect, kind: "tcp", encryption });
  // STARTTLS has no use without a network, and Bun doesn't support it there.
  if (encryption === "STARTTLS") continue;
  testSockets({ name: over("a UNIX socket"), connect, kind: "unix", encryption });
}

testTransport({
  name: "streams.ts",
  open: () => conversation(streamsPair()),
  much: 33_554_432,
  whenPeerCloses: "other",
  keepsWhatIsWritten: false,
  refusesTls: true,
});

test("mod.ts › connect() › is the runtime's own adapter's", async () => {
  await using server = await listen("unix", () => {});
  const [[, connectItself]] = adapters;
  await using chosen = await connect(server.address);
  await using own = await connectItself(server.address);
  assert.equal(chosen.constructor, own.constructor);
});

/** Two ends of a pair of streams, each of which holds one chunk at most. */
function streamsPair(): [Transport, Transport] {
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  return [
    fromStreams({ readable: back.readable, writable: there.writable }),
    fromStreams({ readable: there.readable, writable: back.writable }),
  ];
}
