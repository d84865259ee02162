/**
 * The start of a connection: versions, STARTTLS, login.
 *
 * @module
 */

import { concat, decodeUtf8, encodeUtf8, type OutputQueue } from "../bytes.ts";
import { AuthenticationError, RemoteProtocolError } from "../errors.ts";
import { InputQueue } from "../input_queue.ts";
import { Concealer, quoteText } from "../peer_text.ts";
import {
  checkCredential,
  checkMaxMinor,
  checkStarttls,
  MAX_MINOR,
  noTlsAsked,
} from "./handshake_options.ts";
import { parseVersionLine } from "./version_line.ts";

/** The names in the VERSION lines: each side sends the other's name. */
const versionPrefix = encodeUtf8("VERSION\tdoveadm-client\t");

/** How long to wait for a VERSION line after a "+", in milliseconds. */
const versionGrace = 1000;

/** How many bytes are read for an error that quotes them. */
const errorBytes = 1024;

/** The result of a handshake. */
export type HandshakeEvent =
  | { readonly type: "start-tls" }
  | { readonly type: "ready"; readonly minor: number; readonly preauthenticated: boolean };

/** The client options that matter to the handshake. */
export interface HandshakeOptions {
  /** The password; `undefined` for none. */
  password?: string;
  /** The name to log in with. */
  username?: string;
  /** The highest minor version to offer. */
  maxMinor?: number;
  /** Whether to ask for TLS. */
  starttls?: "required";
}

/** The handshake of a client, up to the last "+". */
export class ClientHandshake {
  /**
   * "greeting": the first "+" or "-" is awaited; "tls": the transport is being encrypted; "login": the
   * password was sent; "late-version": "+" came without a VERSION line, which servers of 2.2.33 to 2.2.36
   * send after it and older ones don't send at all; "done".
   */
  #state: "greeting" | "tls" | "login" | "late-version" | "done" = "greeting";
  #output: OutputQueue;
  #lineLimit: number;
  #maxMinor: number;
  #starttls: boolean;
  #login: string | undefined;
  #username: string;
  #concealer: Concealer;
  #serverMinor: number | undefined;
  #preauthenticated = false;
  #input = new InputQueue();
  #graceEnd: number | undefined;
  #graceIsOver = false;

  /** Creates a handshake and writes the client's VERSION line to the output. */
  constructor(options: HandshakeOptions, lineLimit: number, output: OutputQueue) {
    const { password, username = "doveadm", maxMinor = MAX_MINOR, starttls } = options;
    checkMaxMinor(maxMinor);
    checkStarttls(starttls, ["required"]);
    checkCredential("username", username);
    if (password !== undefined) {
      checkCredential("password", password);
      this.#login = `PLAIN\t${base64(encodeUtf8(`\0${username}\0${password}`))}\n`;
    }
    this.#concealer = new Concealer([password, this.#login?.slice("PLAIN\t".length, -1)]);
    this.#username = username;
    this.#maxMinor = maxMinor;
    this.#starttls = starttls !== undefined;
    this.#lineLimit = lineLimit;
    this.#output = output;
    output.push(encodeUtf8(`VERSION\tdoveadm-server\t1\t${maxMinor}\n`));
  }

  /** The minor version of the connection, after the handshake. */
  get minor(): number {
    return Math.min(this.#maxMinor, this.#serverMinor ?? 0);
  }

  /** Removes the password from texts of the server. */
  get concealer(): Concealer {
    return this.#concealer;
  }

  /** Whether commands may be written. */
  get authenticated(): boolean {
    return this.#state === "late-version" || this.#state === "done";
  }

  /** When to call {@linkcode handleTimeout}. */
  get deadline(): number | undefined {
    return this.#state === "late-version" && !this.#graceIsOver ? this.#graceEnd ?? 0 : undefined;
  }

  /** Passes the current time. */
  handleTimeout(now: number): void {
    if (this.#state !== "late-version") return;
    this.#graceEnd ??= now + versionGrace;
    this.#graceIsOver ||= now >= this.#graceEnd;
  }

  /** Takes bytes that arrived. */
  receive(chunk: Uint8Array): void {
    this.#input.push(chunk);
  }

  /** The bytes after the handshake, chunk by chunk; `undefined` after the last. */
  takeRest(): Uint8Array | undefined {
    return this.#input.takeChunk();
  }

  /** Continues with the login, over the encrypted transport. */
  tlsStarted(): void {
    if (this.#state !== "tls") throw noTlsAsked();
    // Bytes that arrived unencrypted stay: the next event is an error for them.
    if (this.#input.size === 0) this.#sendLogin();
  }

  /** The next event, or `undefined` if more bytes are needed; `ended`: no more will come. */
  nextEvent(ended: boolean): HandshakeEvent | undefined {
    for (;;) {
      switch (this.#state) {
        case "greeting":
        case "login": {
          const line = this.#takeLine();
          if (line === undefined) return undefined;
          const event = this.#readLine(line);
          if (event !== undefined) return event;
          continue;
        }
        case "tls":
          if (this.#input.size === 0) return undefined;
          throw this.#clearBytesError(this.#peek(errorBytes));
        case "late-version":
          return this.#readLateVersion(ended);
        case "done":
          return undefined;
      }
    }
  }

  #readLine(line: string): HandshakeEvent | undefined {
    if (line === "+") return this.#accepted();
    if (line === "-" && this.#state === "greeting") return this.#asked();
    if (line.startsWith("-") && this.#state === "login") {
      throw new AuthenticationError(
        `The server refused the password for ${JSON.stringify(this.#username)}. ` +
          `Set "password" to the server's doveadm_password` +
          (line === "-"
            ? "."
            : ` (it said: ${quoteText(this.#concealer.conceal(line.slice(1).trim()))}).`),
      );
    }
    if (line.startsWith("VERSION\t") && this.#serverMinor === undefined) {
      this.#serverMinor = this.#parseVersion(line);
      return undefined;
    }
    throw new RemoteProtocolError(
      `The server answered the handshake with ${
        this.#concealer.quote(encodeUtf8(line))
      }, instead of "+", "-" or a VERSION ` +
        "line. Check that it is a doveadm server.",
    );
  }

  /** The server accepts the client. */
  #accepted(): HandshakeEvent | undefined {
    if (this.#state === "greeting") {
      if (this.#starttls) {
        throw new RemoteProtocolError(
          "The server accepted the client before TLS, which was required. There may be a man in the " +
            'middle; a UNIX socket that needs no password needs no "starttls" either.',
        );
      }
      this.#preauthenticated = true;
      if (this.#serverMinor === undefined && this.#maxMinor > 0) {
        this.#state = "late-version";
        return undefined;
      }
    }
    return this.#done();
  }

  /** The server requires a password. */
  #asked(): HandshakeEvent | undefined {
    if (this.#login === undefined) {
      throw new AuthenticationError(
        'The server asked for a password and none was given. Set "password".',
      );
    }
    if (!this.#starttls) {
      this.#sendLogin();
      return undefined;
    }
    if (this.minor < 2) {
      throw new RemoteProtocolError(
        `The server speaks protocol 1.${this.minor}, which has no STARTTLS, but TLS was ` +
          'required. Use a listener with "ssl = yes", or leave "starttls" out to log in unencrypted.',
      );
    }
    this.#output.push(encodeUtf8("STARTTLS\n"));
    this.#state = "tls";
    return { type: "start-tls" };
  }

  #sendLogin(): void {
    this.#output.push(encodeUtf8(this.#login!));
    this.#login = undefined;
    this.#state = "login";
  }

  #readLateVersion(ended: boolean): HandshakeEvent | undefined {
    const bytes = this.#peek(versionPrefix.length);
    const fits = versionPrefix.every((byte, at) => at >= bytes.length || bytes[at] === byte);
    if (fits && !this.#graceIsOver) {
      if (bytes.length >= versionPrefix.length) {
        const line = this.#takeLine();
        if (line !== undefined) {
          this.#serverMinor = this.#parseVersion(line);
          return this.#done();
        }
      }
      if (!ended) return undefined;
    }
    return this.#done();
  }

  #done(): HandshakeEvent {
    this.#state = "done";
    this.#login = undefined;
    return { type: "ready", minor: this.minor, preauthenticated: this.#preauthenticated };
  }

  /** The next line, without its LF or CRLF. */
  #takeLine(): string | undefined {
    const line = this.#input.takeLine(this.#lineLimit, (bytes) =>
      new RemoteProtocolError(
        `The server sent ${this.#concealer.quote(bytes)} in the handshake, where a line has ` +
          `${this.#lineLimit} bytes at most ("limits.handshakeLine"). Check that it is a doveadm server.`,
        { limit: "handshakeLine" },
      ));
    return line && decodeUtf8(line);
  }

  /** The next `size` bytes, or as many as there are; they are not removed. */
  #peek(size: number): Uint8Array {
    const chunks: Uint8Array[] = [];
    let left = size;
    for (let chunk; left > 0 && (chunk = this.#input.takeChunk()) !== undefined;) {
      chunks.push(chunk);
      left -= chunk.length;
    }
    const bytes = concat(chunks);
    this.#input.untake(bytes);
    return bytes;
  }

  /** The minor version in a server's VERSION line. */
  #parseVersion(line: string): number {
    const version = parseVersionLine(line, "doveadm-client");
    if (version === undefined) {
      throw new RemoteProtocolError(
        `The server sent ${this.#concealer.quote(encodeUtf8(line))} instead of its version. ` +
          "Check that it is a doveadm server.",
      );
    }
    const { major, minor } = version;
    if (major !== "1") {
      throw new RemoteProtocolError(
        `The server speaks version ${major} of the doveadm protocol, and only version 1 is known. ` +
          "Check for a newer version of dovewire.",
      );
    }
    return minor;
  }

  /** The error for unencrypted bytes after the request for TLS. */
  #clearBytesError(bytes: Uint8Array): RemoteProtocolError {
    const isRefusal = bytes[0] === 0x2d;
    return new RemoteProtocolError(
      `The client received unencrypted bytes after its request for TLS: ${
        this.#concealer.quote(bytes)
      }. ` +
        "None of it was used, and no password was sent: " +
        (isRefusal
          ? "a server without a doveadm_password sends this; otherwise check for a man in the middle."
          : "check for a man in the middle."),
    );
  }
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
