import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "./redis.ts";

/** Sends a command to a socket or port; resolves to the first chunk of the answer. */
async function ask(where: { readonly path: string } | { readonly port: number }, command: string) {
  const socket = connect({ ...where, host: "127.0.0.1" });
  try {
    socket.write(`${command}\r\n`);
    const [answer] = await once(socket, "data");
    return String(answer).trimEnd();
  } finally {
    socket.destroy();
  }
}

/** Whether there is such a process. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when a process and a file are gone. */
async function gone(pid: number, path: string): Promise<void> {
  while (isAlive(pid) || existsSync(path)) await sleep(5);
}

test("redis harness › killed and started again › has its data, and leaves nothing when it stops", async () => {
  const redis = await startRedis();
  const folder = dirname(redis.path);
  assert.equal(await ask(redis, "SET one 1"), "+OK");
  const { pid } = redis;
  await redis.kill();
  assert(!isAlive(pid));
  await redis.start();
  assert.notEqual(redis.pid, pid);
  assert.equal(await ask({ port: redis.port }, "GET one"), "$1\r\n1");
  redis.pause();
  await redis.stop();
  assert(!isAlive(redis.pid));
  assert(!existsSync(folder));
});

test("redis harness › a test process that is killed › takes its server along", async () => {
  const module = new URL("./redis.ts", import.meta.url).href;
  const code = `
    import { startRedis } from ${JSON.stringify(module)};
    const { pid, path } = await startRedis();
    console.log(JSON.stringify({ pid, path }));
    setInterval(() => {}, 1000);
  `;
  const args = "Deno" in globalThis ? ["eval", code] : ["--input-type=module", "-e", code];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  const { pid, path } = JSON.parse(String(line));
  assert(isAlive(pid));
  process.kill(child.pid!, "SIGKILL");
  await gone(pid, path);
});
