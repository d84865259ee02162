import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { listen, type Listening } from "../../harness/sockets.ts";
import { argumentsToRun } from "../../harness/this_runtime.ts";

/** A server that answers each request with no rows, and keeps what it got. */
async function answering(got: string[]): Promise<Listening & { readonly port: number }> {
  const server = await listen("tcp", (socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      got.push(text);
      if (text.startsWith("CONNECT ")) return socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const body = '[["doveadmResponse",[],"0"]]';
      if (!text.endsWith("]")) return;
      socket.end(
        `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    });
  });
  assert(server.address.transport === "tcp");
  return Object.assign(server, { port: server.address.port });
}

test("HTTP › a server of this machine, and a proxy in the environment › the proxy gets nothing", async () => {
  const toProxy: string[] = [];
  const toServer: string[] = [];
  await using proxy = await answering(toProxy);
  await using server = await answering(toServer);
  const { NO_PROXY: _, no_proxy: __, ...env } = process.env;
  const address = `http://127.0.0.1:${proxy.port}`;
  const program = fileURLToPath(new URL("proxy_program.ts", import.meta.url));
  const urls = ["127.0.0.1", "localhost"].map((host) => `http://${host}:${server.port}`);
  await promisify(execFile)(process.execPath, [...argumentsToRun(program), ...urls], {
    env: { ...env, HTTP_PROXY: address, http_proxy: address, NODE_USE_ENV_PROXY: "1" },
  });
  assert.deepEqual(toProxy, []);
  const text = toServer.join("\n");
  assert.equal(text.match(/^POST /gm)?.length, 4);
  assert.equal(text.match(/^authorization: Basic /gim)?.length, 4);
});
