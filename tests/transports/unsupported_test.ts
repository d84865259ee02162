import assert from "node:assert/strict";
import { test } from "node:test";
import * as node from "../../transports/node.ts";
import * as unsupported from "../../transports/unsupported.ts";

const { connect, listen, listenHttp, spawn, stdio, TransportError } = unsupported;

/** What is told of a refusal. */
function refusal(message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof TransportError);
    assert.equal(error.code, "unsupported");
    assert.match(error.message, message);
    return true;
  };
}

test("unsupported.ts › its exports › are those of an adapter", () => {
  assert.deepEqual(Object.keys(unsupported).sort(), Object.keys(node).sort());
  assert.equal(unsupported.TransportError, node.TransportError);
});

test("unsupported.ts › every function › rejects with what to do", async () => {
  const tcp = { transport: "tcp", hostname: "mail.example.org", port: 24245 } as const;
  await assert.rejects(
    connect(tcp),
    refusal(/^Cannot connect to tcp mail\.example\.org:24245: .* no sockets\. Connect from Deno/),
  );
  await assert.rejects(
    listen({ transport: "unix", path: "/run/s" }),
    refusal(/^Cannot listen at .*\/run\/s: .* no listeners\. Serve from Deno, Node or Bun\.$/),
  );
  await assert.rejects(
    listenHttp({ hostname: "::1", port: 80 }),
    refusal(/^Cannot listen at tcp \[::1\]:80: .* no listeners\. Serve from Deno, Node or Bun\.$/),
  );
  await assert.rejects(spawn(["cat"]), refusal(/^Cannot start cat: .* no processes\./));
  await assert.rejects(spawn([]), refusal(/^Cannot start a process: /));
  assert.throws(() => stdio(), refusal(/^Cannot use stdin and stdout: /));
});
