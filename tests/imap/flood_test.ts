import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8, encodeUtf8 } from "../../core/mod.ts";
import { continuation, defineCommand, ok, serve, untagged } from "../../imap/mod.ts";
import type { Transport } from "../../transports/transport.ts";
import { until } from "../harness/until.ts";

/**
 * A client that reads whatever is written at once, and whose bytes come in turns of the event loop. A fake: a real
 * client that is so fast is in another process.
 */
function fastReader(lines: string[], heard: (text: string) => void): Transport {
  return {
    peer: "memory",
    async read() {
      await delay(0);
      const line = lines.shift();
      return line === undefined ? undefined : encodeUtf8(line);
    },
    write: (chunk) => Promise.resolve(heard(decodeUtf8(chunk))),
    closeWrite: () => Promise.resolve(),
    startTls: () => Promise.reject(new Error("There is no TLS.")),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

test("handler › yields without end to a client that reads all › hears DONE", async () => {
  const flood = defineCommand(
    { name: "XFLOOD", isLongRunning: true },
    async function* (_args, _session, { signal }) {
      yield continuation("begun");
      // Without a turn of the event loop, no timer could end this test either.
      const end = performance.now() + 10_000;
      while (!signal.aborted && performance.now() < end) yield untagged("XFLOOD");
      return ok(signal.aborted ? "DONE was heard." : "DONE was not heard.");
    },
  );
  let last = "";
  const client = fastReader(
    ["a LOGIN alice s3cret\r\n", "b XFLOOD\r\n", "DONE\r\n"],
    (text) => last = (last + text).slice(-1000),
  );
  const clients = [client];
  let stop = () => {};
  const stopped = new Promise<undefined>((resolve) => stop = () => resolve(undefined));
  await using _server = serve({
    address: { transport: "memory" } as never,
    accept: () => clients.length > 0 ? Promise.resolve(clients.pop()) : stopped,
    close: () => Promise.resolve(stop()),
    [Symbol.asyncDispose]: () => Promise.resolve(stop()),
  }, { authenticate: ({ user }) => user, commands: [flood] });
  await until(() => last.includes("b OK "), "the answer");
  assert.match(last, /b OK DONE was heard\.\r\n/);
});
