import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decodeUtf8, encodeUtf8 } from "../../core/bytes.ts";
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
  assert.equal(await greeting(address), "3");
  assert.equal(it.errors.length, 2, String(it.errors));
});

/** What a client hears that says its number, until it has its answer or is closed. */
async function answerTo(
  address: Parameters<typeof connect>[0],
  number: number,
): Promise<string> {
  await using client = await connect(address);
  let heard = "";
  try {
    await client.write(encodeUtf8(` ${number}.`));
    for (let chunk; (chunk = await client.read()) !== undefined;) {
      heard += decodeUtf8(chunk);
      // Whatever is said besides comes before the end.
      if (heard.includes(".")) await client.closeWrite();
    }
  } catch {
    // Its worker was killed.
  }
  return heard;
}

test("supervisor › workers are killed with a client in hand › each client is answered by one, or closed with its own", async () => {
  await using it = await start(["dies at 1", "dies at 1", "dies at 50", "serves"]);
  const { address } = it.supervisor;
  const numbers = Array.from({ length: 200 }, (_, at) => at);
  const answers = await Promise.all(numbers.map((number) => answerTo(address, number)));
  const served = answers.filter((answer, number) => answer === `4 ${number}.`);
  // The third one had 49 of its own.
  assert(served.length >= 151, `${served.length} were served`);
  for (const [number, answer] of answers.entries()) {
    assert(`4 ${number}.` === answer || `3 ${number}.`.startsWith(answer), answer);
  }
  assert.equal(it.errors.length, 3, String(it.errors));
});

test("supervisor › a worker doesn't take a client over in time › closes the client, and goes on when it can", async () => {
  await using it = await start(["serves"], { takeoverTimeout: 300 });
  const { address, workerPid } = it.supervisor;
  process.kill(workerPid!, "SIGSTOP");
  assert.deepEqual(await Promise.all([answerTo(address, 1), answerTo(address, 2)]), ["", ""]);
  process.kill(workerPid!, "SIGCONT");
  // A slow machine may take longer for a few more.
  while (await answerTo(address, 3) !== "1 3.");
  assert.match(String(it.errors[0]), /A client was closed: the worker didn't .* within 300 ms\./);
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

test("supervisor › closed while a connection can't move › ends both workers, and the upgrade", async () => {
  await using it = await start(["keeps", "serves"], { handoverTimeout: 0 });
  const { address } = it.supervisor;
  await using client = await connect(address);
  assert.equal(decodeUtf8((await client.read())!), "1");
  const upgrading = assert.rejects(it.supervisor.upgrade(), /closed while connections moved/);
  while (await greeting(address) !== "2");
  await it.supervisor.close();
  await upgrading;
  assert.deepEqual((await it.pids()).map(isAlive), [false, false]);
  assert.deepEqual(it.errors, []);
});

test("supervisor › invalid options › LocalProtocolError", async () => {
  const wrong = [
    ...[null, {}, { listen, worker: "" }, { worker }, { listen: { transport: "unix" }, worker }],
    ...[{ listen, worker, onError: "x" }, { listen, worker, readyTimeout: NaN }],
    ...[{ listen, worker, handoverTimeout: -1 }, { listen, worker, takeoverTimeout: -1 }],
    ...[{ listen, worker, args: "x" }, { listen, worker, args: {} }],
    ...[{ listen, worker, execArgv: [5] }, { listen: { ...listen, port: NaN }, worker }],
    { listen: { ...listen, hostname: 5 }, worker },
  ];
  for (const options of wrong) {
    await assert.rejects(supervise(options as SuperviseOptions), LocalProtocolError);
  }
});
