/**
 * This process's own stdin and stdout as a byte pipe: pipes, sockets, files, as they come.
 *
 * Nothing else may read or write them, `console.log` included; stderr is free.
 *
 * What a runtime can't: a pipe that Deno has for its stdout ends when the process does, and not before,
 * since Deno keeps a copy of it. So does, on Bun, a socket that is both stdin and stdout.
 *
 * @module
 */

import { closeSync, createReadStream, createWriteStream, fstatSync } from "node:fs";
import { Socket } from "node:net";
import { type Readable, Writable } from "node:stream";
import { isatty, ReadStream, WriteStream } from "node:tty";
import { PipeTransport } from "./pipe_transport.ts";
import type { Transport } from "../transport.ts";

/** The part of Bun that is used here; `Bun` is missing elsewhere. */
interface BunGlobals {
  readonly Bun?: { file(descriptor: number): { writer(): BunSink } };
  readonly process: { readonly stdin: Readable };
}

/** Bun's writer of a file descriptor. Its methods may return a promise, or be done at once. */
interface BunSink {
  write(chunk: Uint8Array): unknown;
  flush(): unknown;
  end(): unknown;
  /** Lets the process end while there is something to write. */
  unref(): void;
}

/**
 * This process's stdin and stdout, to be asked for once. `closeWrite()` ends stdout, `close()` both.
 *
 * @example
 * ```ts ignore
 * import { stdio } from "@dovewire/dovewire/transports/node";
 *
 * await using transport = stdio();
 * for (let chunk; (chunk = await transport.read()) !== undefined;) await transport.write(chunk);
 * ```
 */
export function stdio(): Transport {
  const { Bun: bun, process } = globalThis as unknown as BunGlobals;
  const input = bun ? process.stdin : inputOf(0);
  const output = bun ? writableOver(bun.file(1).writer()) : outputOf(1);
  const transport = new PipeTransport(input, output, { peer: "stdin and stdout" });
  // Those who hold the other ends can't see it else. Deno, and streams of files, do it themselves.
  if (bun || isStream(0) && !("Deno" in globalThis)) input.once("close", () => release(0));
  if (bun || isStream(1) && !("Deno" in globalThis)) output.once("close", () => release(1));
  return transport;
}

/** Whether a file descriptor is a pipe or a socket. */
function isStream(descriptor: number): boolean {
  const status = fstatSync(descriptor);
  return status.isFIFO() || status.isSocket();
}

function inputOf(descriptor: number): Readable {
  if (isStream(descriptor)) return new Socket({ fd: descriptor, readable: true, writable: false });
  if (isatty(descriptor)) return new ReadStream(descriptor);
  return createReadStream("", { fd: descriptor });
}

function outputOf(descriptor: number): Writable {
  if (isStream(descriptor)) return new Socket({ fd: descriptor, readable: false, writable: true });
  if (isatty(descriptor)) return new WriteStream(descriptor);
  return createWriteStream("", { fd: descriptor });
}

/** A stream over Bun's writer; Bun's own streams over file descriptors block. */
function writableOver(sink: BunSink): Writable {
  return new Writable({
    write(chunk: Uint8Array, _encoding, done): void {
      new Promise((resolve, reject) => {
        // What breaks the pipe shows in what was written, and the rest of it is never flushed then.
        Promise.resolve(sink.write(chunk)).catch(reject);
        Promise.resolve(sink.flush()).then(resolve, reject);
      }).then(() => done(), done);
    },
    final(done): void {
      Promise.resolve(sink.end()).then(() => done(), done);
    },
    destroy(error, done): void {
      // What is still on its way can't be called back; nobody waits for it.
      sink.unref();
      Promise.resolve(sink.end()).catch(() => {});
      done(error);
    },
  });
}

function release(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch {
    // It was closed already.
  }
}
