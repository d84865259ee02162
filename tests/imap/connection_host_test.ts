/** How a host ends its connections. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionHost, type HostedConnection } from "../../imap/connection_host.ts";
import { memoryListener } from "../../transports/memory.ts";
import { until } from "../harness/until.ts";

/** A host of as many connections, which end as soon as they are shut down; `told` is when each was. */
async function hosting(count: number) {
  const { listener, connect } = memoryListener();
  const told: number[] = [];
  const host = new ConnectionHost(listener, {
    limits: {},
    open: (transport, { onClosed }): HostedConnection => {
      let close = () => {};
      const closed = new Promise<void>((resolve) => {
        close = () => {
          void transport.close();
          resolve();
          onClosed(connection);
        };
      });
      const connection: HostedConnection = {
        ...{ peer: transport.peer, closed, abort: close },
        shutDown() {
          told.push(performance.now());
          close();
        },
        close: () => Promise.resolve(close()),
        cancelCommand: () => false,
      };
      return connection;
    },
    onError: (error) => assert.fail(String(error)),
  });
  for (let at = 0; at < count; at++) await connect({ transport: "unix", path: "imap" });
  await until(() => host.size === count, "all connections");
  return { host, told };
}

test("a host › closed in groups › tells each group after the one before, and all in the end", async () => {
  const { host, told } = await hosting(7);
  // As with a whole number of them.
  await host.close({ groupSize: 3.5 });
  assert.equal(told.length, 7);
  const pauses = told.slice(1).map((at, index) => at - told[index]);
  // A pause takes 100 ms at least; a runtime's timers may be a millisecond early.
  for (const at of [2, 5]) assert(pauses[at] > 98, `${pauses}`);
  assert.equal(host.size, 0);
});

test("a host › closed without groups › tells all connections in the same turn", async () => {
  const { host, told } = await hosting(7);
  const closing = host.close();
  await until(() => told.length > 0, "the first one");
  assert.equal(told.length, 7);
  await closing;
});
