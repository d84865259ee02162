/**
 * This process's own stdin and stdout as a byte pipe, whether they are pipes, sockets or files.
 *
 * Nothing else may read or write them, `console.log` included; stderr is free.
 *
 * Limits: on Deno a pipe as stdout ends only when the process does, since Deno keeps a copy of it. The same
 * is true on Bun for a socket that is both stdin and stdout.
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
  /** Allows the process to end while there is something to write. */
  unref(): void;
}

/**
 * This process's stdin and stdout; call it once. `closeWrite()` ends stdout, `close()` both.
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
  // Otherwise the other ends don't see the close. Deno and file streams do it themselves.
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
        // A broken pipe shows in earlier writes; the rest is never flushed then.
        Promise.resolve(sink.write(chunk)).catch(reject);
        Promise.resolve(sink.flush()).then(resolve, reject);
      }).then(() => done(), done);
    },
    final(done): void {
      Promise.resolve(sink.end()).then(() => done(), done);
    },
    destroy(error, done): void {
      // A pending write can't be cancelled, and isn't awaited.
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
