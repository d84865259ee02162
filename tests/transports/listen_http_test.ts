import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError } from "../../core/mod.ts";
import { nodeListener } from "../../doveadm/server/mod.ts";
import { type HttpResponder, listenHttp, TransportError } from "../../transports/mod.ts";
import { exchange } from "../harness/http_exchange.ts";

const place = { hostname: "127.0.0.1", port: 0 };

const closing = "GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

test("listenHttp() › requests › are answered, with the client's address", async () => {
  await using listener = await listenHttp(place, ({ url }, address) => {
    const { pathname, search } = new URL(url);
    return new Response(`${pathname}${search} of ${address}`);
  });
  const { transport, hostname, port } = listener.address;
  assert.deepEqual([transport, hostname], ["tcp", "127.0.0.1"]);
  const response = await exchange(port, closing);
  assert.equal(new TextDecoder().decode(response?.body), "/a?b of 127.0.0.1");
});

test("listenHttp() › a port in use, a host that isn't there › rejects with a TransportError", async () => {
  await using listener = await listenHttp(place, () => new Response());
  for (
    const [wrong, code] of [[listener.address, "in-use"], [
      { hostname: "192.0.2.1", port: 0 },
      "",
    ]] as const
  ) {
    await assert.rejects(
      listenHttp(wrong, () => new Response()),
      (error) => error instanceof TransportError && (code === "" || error.code === code),
    );
  }
});

test("listenHttp() › a request that takes longer than close() waits › is aborted", async () => {
  let onArrival = () => {};
  let onAbort = () => {};
  const arrived = new Promise<void>((resolve) => onArrival = resolve);
  const aborted = new Promise<void>((resolve) => onAbort = resolve);
  const listener = await listenHttp(place, ({ signal }) => {
    signal.addEventListener("abort", onAbort);
    onArrival();
    return new Promise<Response>(() => {});
  });
  const response = exchange(listener.address.port, closing);
  await arrived;
  await assert.rejects(listener.close({ timeout: NaN }), /"timeout"/);
  await assert.rejects(listener.close(null as unknown as object), LocalProtocolError);
  await Promise.all([listener.close({ timeout: 1 }), listener.close()]);
  assert.equal(await response, undefined);
  await aborted;
});

/** A body in pieces. */
function bodyOf(...pieces: readonly string[]): ReadableStream<Uint8Array> {
  const left = pieces.map((piece) => new TextEncoder().encode(piece));
  return new ReadableStream({
    pull(controller): void {
      const piece = left.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
}

test("listenHttp() › a body of another length than its Content-Length › never gets into the next answer", async () => {
  let length = "";
  let body: ReadableStream<Uint8Array> | null = null;
  await using listener = await listenHttp(
    place,
    () => new Response(body, { headers: { "content-length": length } }),
  );
  const textOf = async () => {
    const response = await exchange(listener.address.port, closing);
    return response && new TextDecoder().decode(response.body);
  };
  length = "6";
  body = bodyOf("abc", "def");
  assert.equal(await textOf(), "abcdef");
  // What is wrong from the start is answered with the status 500, and the rest is broken off.
  length = "3";
  body = bodyOf("abcdef");
  assert.equal(await textOf(), "");
  body = bodyOf("abc", "def");
  assert.notEqual(await textOf(), "abcdef");
  length = "9";
  body = bodyOf("abc", "def");
  assert.equal(await textOf(), undefined);
  body = bodyOf();
  assert.equal(await textOf(), "");
});

test("nodeListener() › something else than a function › LocalProtocolError", () => {
  for (const other of [undefined, null, 5, {}]) {
    assert.throws(() => nodeListener(other as unknown as HttpResponder), LocalProtocolError);
  }
});
