import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError, TimeoutError } from "../../core/errors.ts";
import { memoryPair } from "../../transports/memory.ts";
import { openTransport } from "../../transports/open_transport.ts";
import type { Address, ConnectOptions, Connector, Transport } from "../../transports/transport.ts";

const address: Address = { transport: "tcp", hostname: "mail.example.org", port: 1 };

test("openTransport › a connector that ignores its signal › rejects in time, and what it opens later is closed", async () => {
  let answer: (transport: Transport) => void = () => {};
  const connector = () => new Promise<Transport>((resolve) => answer = resolve);
  await assert.rejects(openTransport(connector, address, { connectTimeout: 1 }), (error: Error) => {
    assert(error instanceof TimeoutError && error.phase === "connect");
    assert.match(error.message, /mail\.example\.org.* more than 1 ms/);
    return true;
  });
  const controller = new AbortController();
  const aborted = openTransport(connector, address, {
    connectTimeout: Infinity,
    signal: controller.signal,
  });
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, /enough/);

  const [near, far] = memoryPair();
  answer(near);
  assert.equal(await far.read(), undefined);
});

test("openTransport › a connector that heeds its signal › is waited for", async () => {
  let hasEnded = false;
  const connector = (_: Address, { signal }: ConnectOptions = {}) =>
    new Promise<Transport>((_, reject) => {
      signal?.addEventListener("abort", () => {
        setTimeout(() => {
          hasEnded = true;
          reject(signal.reason);
        }, 5);
      });
    });
  await assert.rejects(openTransport(connector, address, { connectTimeout: 1 }), TimeoutError);
  assert(hasEnded);
});

test("openTransport › a connector that returns no transport, or throws no error › LocalProtocolError", async () => {
  const odd: readonly (() => unknown)[] = [
    () => undefined,
    () => Promise.resolve(null),
    () => Promise.resolve({}),
    () => 5,
    () => Promise.reject(undefined),
    () => Promise.reject("no"),
    () => {
      throw null;
    },
  ];
  for (const connector of odd) {
    const opened = openTransport(connector as Connector, address, { connectTimeout: Infinity });
    await assert.rejects(opened, (error: Error) => {
      assert(error instanceof LocalProtocolError, String(error));
      assert.match(error.message, /^"connector" (?:returned|failed with)/);
      return true;
    });
  }
});
