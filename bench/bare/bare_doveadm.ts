/**
 * A conversation in doveadm's protocol on a bare socket, without any checks: the floor.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { encodeUtf8 } from "../../core/mod.ts";
import type { Address } from "../../transports/transport.ts";
import { type BareSocket, connectBare } from "./bare_socket.ts";

const LF = 0x0a;

/** In each byte of a word, the least byte that isn't looked for. */
const limits = 0x0b0b0b0b;

/** How the server frames what it sends. */
export interface BareDoveadmOptions {
  readonly password?: string;
  /** The version to speak, 0 (nothing is framed) if left out. */
  readonly minor?: number;
  /**
   * Whether each byte of a reply is looked at for TABs, line feeds and escapes, in the simplest loop that is fast:
   * what nobody can do without who has to find the end of a value.
   */
  readonly looksForEscapes?: boolean;
  /** Whether each chunk has a new buffer, as it has to if somebody may keep it. */
  readonly hasNewBuffers?: boolean;
}

/** What is awaited. */
interface Awaited {
  /** How many lines, or bytes, are still to come. */
  lines: number;
  bytes: number;
  /** How many words had one. */
  controls: number;
  onAll?: () => void;
  onError?: (error: Error) => void;
}

/** A connection that counts what comes. */
export class BareDoveadm implements Disposable {
  readonly #socket: BareSocket;
  readonly #awaited: Awaited;

  private constructor(socket: BareSocket, awaited: Awaited) {
    this.#socket = socket;
    this.#awaited = awaited;
  }

  /** Connects, and logs in. */
  static async open(
    address: Address,
    { password, minor = 0, looksForEscapes = false, hasNewBuffers }: BareDoveadmOptions = {},
  ): Promise<BareDoveadm> {
    const awaited: Awaited = { lines: 0, bytes: 0, controls: 0 };
    const socket = await connectBare({ address }, {
      onChunk(chunk) {
        if (looksForEscapes) awaited.controls += countControls(chunk);
        if (awaited.bytes > 0) awaited.bytes -= chunk.length;
        else for (let at = -1; (at = chunk.indexOf(LF, at + 1)) !== -1;) awaited.lines--;
        if (awaited.bytes <= 0 && awaited.lines <= 0) awaited.onAll?.();
      },
      onEnd(error = new Error("The server has closed the connection.")) {
        awaited.onError?.(error);
      },
    }, { hasNewBuffers });
    const bare = new BareDoveadm(socket, awaited);
    // The greeting has one more line with a version.
    await bare.send(encodeUtf8(`VERSION\tdoveadm-server\t1\t${minor}\n`), {
      lines: minor === 0 ? 1 : 2,
    });
    if (password !== undefined) {
      const login = Buffer.from(`\0doveadm\0${password}`).toString("base64");
      await bare.send(encodeUtf8(`PLAIN\t${login}\n`), { lines: 1 });
    }
    return bare;
  }

  /** Sends bytes, and resolves after so many lines, or bytes, have come. */
  send(
    bytes: Uint8Array,
    { lines = 0, bytes: size = 0 }: { readonly lines?: number; readonly bytes?: number },
  ): Promise<void> {
    const awaited = this.#awaited;
    return new Promise((resolve, reject) => {
      awaited.lines = lines;
      awaited.bytes = size;
      awaited.onAll = () => {
        awaited.onAll = undefined;
        resolve();
      };
      awaited.onError = reject;
      void this.#socket.write(bytes);
    });
  }

  /** Runs a command so many times, one after the other. */
  async run(line: Uint8Array, times: number): Promise<void> {
    // A reply has its fields in a line, and its status in another.
    for (let time = 0; time < times; time++) await this.send(line, { lines: 2 });
  }

  /** Runs a command so many times, all written at once. */
  async pipeline(line: Uint8Array, times: number): Promise<void> {
    await this.send(Buffer.concat(Array(times).fill(line)), { lines: 2 * times });
  }

  /** Writes a part of an input. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    return this.#socket.write(bytes);
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.#awaited.onError = undefined;
    this.#socket.close();
  }
}

/** The number of times that eight words have a byte below 0x0b, or one from 0x8b on. */
function countControls({ buffer, byteOffset, length }: Uint8Array): number {
  const start = (byteOffset + 3) & ~3;
  const words = new Int32Array(buffer, start, Math.max(0, byteOffset + length - start) >> 2);
  let count = 0;
  for (let at = 0; at + 8 <= words.length; at += 8) {
    const all = (words[at] - limits) | (words[at + 1] - limits) | (words[at + 2] - limits) |
      (words[at + 3] - limits) | (words[at + 4] - limits) | (words[at + 5] - limits) |
      (words[at + 6] - limits) | (words[at + 7] - limits);
    if ((all & 0x80808080) !== 0) count++;
  }
  return count;
}
