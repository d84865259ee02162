/**
 * A proxy that cuts, delays and resets connections, in a process of its own.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { argumentsToRun } from "../../../harness/this_runtime.ts";

/** A proxy, until it is disposed of. */
export interface RoughProxy extends AsyncDisposable {
  /** The TCP port on 127.0.0.1 where it listens. */
  readonly port: number;
  /** Ends it; resolves to the number of connections that it has ended before their time. */
  end(): Promise<number>;
}

/** Starts a proxy to a UNIX socket. */
export async function startRoughProxy(path: string): Promise<RoughProxy> {
  const program = fileURLToPath(new URL("rough_proxy_program.ts", import.meta.url));
  const args = argumentsToRun(program);
  const child = spawn(process.execPath, [...args, path], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = linesOf(child);
  const { value: port } = await lines.next();
  let ended: Promise<number> | undefined;
  const end = () => ended ??= cutsOf(child, lines);
  return {
    port: Number(port),
    end,
    async [Symbol.asyncDispose]() {
      await end();
    },
  };
}

/** Ends the process, and returns what it prints then. */
async function cutsOf(
  child: ChildProcess,
  lines: AsyncGenerator<string, void, void>,
): Promise<number> {
  const gone = once(child, "close");
  child.stdin!.end();
  const { value: cuts } = await lines.next();
  await gone;
  return Number(cuts);
}

async function* linesOf({ stdout }: ChildProcess): AsyncGenerator<string, void, void> {
  let text = "";
  for await (const chunk of stdout!) {
    text += chunk;
    for (let end; (end = text.indexOf("\n")) !== -1; text = text.slice(end + 1)) {
      yield text.slice(0, end);
    }
  }
}
