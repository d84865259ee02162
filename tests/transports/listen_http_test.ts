import assert from "node:assert/strict";
import { test } from "node:test";
import { listenHttp, TransportError } from "../../transports/mod.ts";
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
  await Promise.all([listener.close({ timeout: 1 }), listener.close()]);
  assert.equal(await response, undefined);
  await aborted;
});
