import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LocalProtocolError } from "../../core/errors.ts";
import { supervise, type SuperviseOptions } from "../../transports/handover/mod.ts";
import { connect } from "../../transports/node.ts";
import { temporaryFolder } from "../harness/sockets.ts";

const listen = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
const worker = fileURLToPath(new URL("handover_worker.ts", import.meta.url));

/** A supervisor whose workers do these things, one after the other. */
async function start(modes: readonly string[], options: Partial<SuperviseOptions> = {}) {
  const folder = await temporaryFolder();
  const errors: unknown[] = [];
  const supervisor = await supervise({
    ...{ listen, worker, args: [folder.path, modes.join()], onHangUp: false },
    // Node's would run the worker as a test.
    ...("deno" in process.versions || "bun" in process.versions ? {} : { execArgv: [] }),
    onError: (error) => errors.push(error),
    ...options,
  });
  return {
    ...{ supervisor, errors },
    /** The process ids of the workers that were started. */
    async pids(): Promise<number[]> {
      const text = await readFile(join(folder.path, "starts"), "utf8");
      return text.trim().split("\n").map(Number);
    },
    async [Symbol.asyncDispose]() {
      await supervisor.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** What a worker says to a client: how many were started before it and with it. */
async function greeting(address: Parameters<typeof connect>[0]): Promise<string> {
  await using client = await connect(address);
  return new TextDecoder().decode(await client.read());
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("supervisor › a worker ends, and the next doesn't start › a further one gets the clients that wait", async () => {
  await using it = await start(["dies", "fails", "serves"]);
  const { address } = it.supervisor;
  await greeting(address);
  // A client that was sent to a worker just before its end is lost with it.
  const [first] = await it.pids();
  while (isAlive(first)) await delay(10);
  assert.equal(await greeting(address), "3");
  assert.equal(it.errors.length, 2, String(it.errors));
});

test("supervisor › closed while a worker starts › leaves no process", async () => {
  await using it = await start(["dies", "hangs"], { readyTimeout: 0 });
  await greeting(it.supervisor.address);
  let pids: number[] = [];
  while (pids.length < 2) {
    await delay(10);
    pids = await it.pids();
  }
  await it.supervisor.close();
  assert.deepEqual(pids.map(isAlive), [false, false]);
});

test("supervisor › handoverTimeout of 0 › waits for a connection until it can move", async () => {
  await using it = await start(["serves", "serves"], { handoverTimeout: 0 });
  assert.equal(await greeting(it.supervisor.address), "1");
  assert.deepEqual(await it.supervisor.upgrade(), { moved: 0, left: 0 });
  assert.equal(await greeting(it.supervisor.address), "2");
});

test("supervisor › invalid options › LocalProtocolError", async () => {
  const wrong = [
    ...[null, {}, { listen, worker: "" }, { worker }, { listen: { transport: "unix" }, worker }],
    ...[{ listen, worker, onError: "x" }, { listen, worker, readyTimeout: NaN }],
    ...[{ listen, worker, handoverTimeout: -1 }, { listen, worker, args: "x" }],
  ];
  for (const options of wrong) {
    await assert.rejects(supervise(options as SuperviseOptions), LocalProtocolError);
  }
});
