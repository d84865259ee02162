/**
 * The bytes of a doveadm server, written by hand for tests.
 *
 * @module
 */

import {
  encodePacket,
  LOG_CHANNEL,
  type LogLevel,
  logLevels,
  MAIN_CHANNEL,
  StreamMultiplexer,
} from "../../../core/doveadm/mod.ts";
import { concat, encodeUtf8 } from "../../../core/mod.ts";

/** A server of one minor version, as the bytes that it sends. */
export class ServerBytes {
  /** The version in its VERSION line. */
  readonly minor: number;
  #stream = new StreamMultiplexer();

  /** Creates one. */
  constructor(minor: number) {
    this.minor = minor;
  }

  /** The VERSION line; none for 1.0. */
  get version(): string {
    return this.minor === 0 ? "" : `VERSION\tdoveadm-client\t1\t${this.minor}\n`;
  }

  /** What a preauthenticated client gets. */
  welcome(): Uint8Array {
    return encodeUtf8(`${this.version}+\n`);
  }

  /** Bytes of the conversation. */
  main(bytes: string | Uint8Array): Uint8Array {
    return this.channel(MAIN_CHANNEL, bytes);
  }

  /** A log line. */
  log(level: LogLevel, message: string): Uint8Array {
    const type = String.fromCharCode(logLevels.indexOf(level) + 1);
    return this.minor === 0 ? new Uint8Array(0) : this.channel(LOG_CHANNEL, `${type}${message}\n`);
  }

  /** Bytes of any channel. */
  channel(channel: number, bytes: string | Uint8Array): Uint8Array {
    const plain = typeof bytes === "string" ? encodeUtf8(bytes) : bytes;
    if (this.minor === 0) return plain;
    if (this.minor < 4) return encodePacket(channel, plain);
    return this.#stream.encode(channel, plain);
  }

  /** Several of the above as one. */
  all(...parts: readonly Uint8Array[]): Uint8Array {
    return concat(parts);
  }
}
