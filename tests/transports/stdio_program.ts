/**
 * A program whose stdin and stdout are a transport, for the tests of both ends. What becomes of it, it
 * says on its stderr.
 *
 * @module
 */

import { createConnection } from "node:net";
import process from "node:process";
import { stdio } from "../../transports/process/stdio.ts";
import type { Transport } from "../../transports/transport.ts";
import { endOf } from "../harness/sockets.ts";
import { pattern, tooMuch } from "./conformance.ts";

/** What it can be asked to do, by its first argument. */
const acts: Readonly<Record<string, (transport: Transport, argument: string) => Promise<void>>> = {
  /** Carries everything between its stdio and a UNIX socket, until either end is gone. */
  async relay(transport, path) {
    // It carries the rest, however long that takes, when it is closed and then asked to end.
    const ignore = () => {};
    process.on("SIGTERM", ignore);
    const socket = createConnection({ path, allowHalfOpen: true });
    socket.on("error", () => {});
    const end = endOf(socket);
    const close = () => Promise.all([transport.close(), end.close()]);
    socket.once("close", close);
    await Promise.all([carry(transport, end), carry(end, transport)]).catch(() => {});
    await close();
    process.off("SIGTERM", ignore);
  },
  /** Sends back what it is sent, and ends with a code. */
  async echo(transport) {
    for (let chunk; (chunk = await transport.read()) !== undefined;) await transport.write(chunk);
    await transport.close();
    process.exitCode = 3;
  },
  /** Says a lot and lets the loop run dry. */
  async writeThenClose(transport, size) {
    await transport.write(pattern(Number(size)));
    process.exitCode = 4;
    await transport.close();
  },
  /** Closes while a write is blocked and a read waits. */
  async blocked(transport) {
    const rejected = [transport.write(tooMuch), transport.read()].map((it) => it.catch(codeOf));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await transport.close();
    report(await Promise.all(rejected));
    process.exitCode = 5;
  },
  /** Writes until the reader has ended, and reads what is left. */
  async broken(transport) {
    const failure = await transport.write(tooMuch).catch(codeOf);
    let size = 0;
    for (let chunk; (chunk = await transport.read()) !== undefined;) size += chunk.length;
    report([failure, size, await transport.write(Uint8Array.of(1)).catch(codeOf)]);
    await transport.close();
    process.exitCode = 6;
  },
};

async function carry(
  from: Pick<Transport, "read">,
  to: Pick<Transport, "write" | "closeWrite">,
): Promise<void> {
  for (let chunk; (chunk = await from.read()) !== undefined;) await to.write(chunk);
  await to.closeWrite();
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

function report(values: unknown): void {
  process.stderr.write(JSON.stringify(values));
}

if (import.meta.main) {
  const [act, argument] = process.argv.slice(2);
  await acts[act](stdio(), argument);
}
