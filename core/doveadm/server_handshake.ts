/**
 * The start of a connection on the server side: versions, STARTTLS, login.
 *
 * @module
 */

import { concat, decodeUtf8, encodeUtf8, type OutputQueue, quote, sameSecret } from "../bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import type { InputQueue } from "../input_queue.ts";
import { quoteText } from "../peer_text.ts";
import {
  checkCredential,
  checkMaxMinor,
  checkStarttls,
  MAX_MINOR,
  noTlsAsked,
} from "./handshake_options.ts";
import { parseVersionLine } from "./version_line.ts";

/** Events of a handshake. */
export type ServerHandshakeEvent =
  | { readonly type: "start-tls" }
  | { readonly type: "login"; readonly username: string; readonly password: string }
  | { readonly type: "ready"; readonly minor: number; readonly username: string | undefined }
  | { readonly type: "refused"; readonly reason: string };

/** Options for a server's handshake. */
export interface ServerHandshakeOptions {
  /** The password that clients log in with; without it, no client can log in. */
  password?: string;
  /** The name for the password; "doveadm" if left out, the only one that Dovecot knows. */
  username?: string;
  /**
   * Whether logins are decided by the caller: each is a "login" event, to be answered with
   * `acceptLogin()` or `refuseLogin()`.
   */
  loginEvents?: boolean;
  /** Whether clients don't have to log in, as on a UNIX socket with the mode 0600. */
  preauthenticated?: boolean;
  /** The highest minor version to speak, 0 to 4; 4 if left out. */
  maxMinor?: number;
  /** "offered": clients may ask for TLS before they log in; "required": they have to. */
  starttls?: "offered" | "required";
}

/** The server side of the handshake, up to the last "+". */
export class ServerHandshake {
  /**
   * "version": the client's first line is awaited; "login": its login is; "deciding": a "login" event waits
   * for its answer; "tls": the transport is being encrypted; "over".
   */
  #state: "version" | "login" | "deciding" | "tls" | "over" = "version";
  #input: InputQueue;
  #output: OutputQueue;
  #lineLimit: number;
  #options: ServerHandshakeOptions;
  #username: string;
  #secret: Uint8Array | undefined;
  #isEncrypted = false;
  /** The name of the login that the caller decides on. */
  #candidate: string | undefined;
  /** The caller's decision, which becomes the next event. */
  #decision: ServerHandshakeEvent | undefined;
  #minor = 0;

  /** Takes the queues of the protocol that uses it. */
  constructor(
    options: ServerHandshakeOptions,
    lineLimit: number,
    input: InputQueue,
    output: OutputQueue,
  ) {
    const { username = "doveadm", password, maxMinor } = options;
    checkMaxMinor(maxMinor);
    checkStarttls(options.starttls, ["offered", "required"]);
    checkCredential("username", username);
    if (password !== undefined) {
      checkCredential("password", password);
      this.#secret = encodeUtf8(password);
    }
    if (password !== undefined && options.loginEvents) {
      throw new LocalProtocolError(
        'Both "password" and "loginEvents" are set. Leave one out: either decides who may log in.',
      );
    }
    if (options.preauthenticated && options.starttls === "required") {
      throw new LocalProtocolError(
        'Both "preauthenticated" and "starttls" are set. Leave one out: TLS is asked for at the login.',
      );
    }
    this.#username = username;
    this.#options = options;
    this.#lineLimit = lineLimit;
    this.#input = input;
    this.#output = output;
  }

  /** The minor version of the connection, after the handshake. */
  get minor(): number {
    return this.#minor;
  }

  /** Whether a login waits for its answer. */
  get isDeciding(): boolean {
    return this.#state === "deciding" && this.#decision === undefined;
  }

  /** Continues with the login over the encrypted transport. */
  tlsStarted(): void {
    if (this.#state !== "tls") throw noTlsAsked();
    this.#isEncrypted = true;
    // Bytes that arrived unencrypted stay: the next event is an error for them.
    if (this.#input.size === 0) this.#state = "login";
  }

  /** Takes the bytes that arrived after the line that asked for TLS. */
  takeUnread(): Uint8Array {
    if (this.#state !== "tls") throw noTlsAsked();
    const chunks: Uint8Array[] = [];
    for (let chunk; (chunk = this.#input.takeChunk()) !== undefined;) chunks.push(chunk);
    return concat(chunks);
  }

  /** Answers a "login" event. */
  decide(
    decision:
      | { readonly accept: true; readonly username?: string }
      | { readonly accept: false; readonly reason?: string },
  ): void {
    this.#decision = decision.accept
      ? this.#accept(decision.username ?? this.#candidate)
      : this.#refuse(decision.reason ?? `the login of ${quoteText(this.#candidate!)} was refused`);
  }

  /** The next event, or `undefined` if more bytes, or a decision, are needed. */
  nextEvent(): ServerHandshakeEvent | undefined {
    for (;;) {
      switch (this.#state) {
        case "version":
        case "login": {
          const line = this.#input.takeLine(this.#lineLimit, (line) => this.#tooLong(line));
          if (line === undefined) return undefined;
          const event = this.#state === "version" ? this.#readVersion(line) : this.#readLogin(line);
          if (event !== undefined) return event;
          continue;
        }
        case "tls":
          if (this.#input.size === 0) return undefined;
          throw new RemoteProtocolError(
            "The client sent unencrypted bytes after STARTTLS. None of them was used; check for a " +
              "man in the middle.",
          );
        case "deciding":
        case "over": {
          const decision = this.#decision;
          this.#decision = undefined;
          return decision;
        }
      }
    }
  }

  #readVersion(line: Uint8Array): ServerHandshakeEvent | undefined {
    // Swapped: a doveadm client sends "doveadm-server".
    const version = parseVersionLine(decodeUtf8(line), "doveadm-server");
    if (version?.major !== "1") {
      throw new RemoteProtocolError(
        `The client began with ${quote(line)}, not with "VERSION", "doveadm-server", 1 and a ` +
          "number. Check that it is a doveadm client.",
      );
    }
    const { maxMinor = MAX_MINOR, preauthenticated = false } = this.#options;
    this.#minor = Math.min(version.minor, maxMinor);
    // Clients that offer 1.0 don't know this line; the others expect it before the "+" or "-".
    if (this.#minor >= 1) this.#say(`VERSION\tdoveadm-client\t1\t${maxMinor}`);
    if (preauthenticated) return this.#accept(undefined);
    this.#say("-");
    this.#state = "login";
  }

  #readLogin(line: Uint8Array): ServerHandshakeEvent | undefined {
    const { loginEvents = false, starttls } = this.#options;
    if (this.#secret === undefined && !loginEvents) {
      return this.#refuse("no password is set, so that nobody can log in");
    }
    const text = decodeUtf8(line);
    if (text === "STARTTLS") {
      if (this.#isEncrypted) return this.#refuse("it asked for TLS a second time");
      if (starttls === undefined) return this.#refuse("it asked for TLS, and that is not offered");
      this.#state = "tls";
      return { type: "start-tls" };
    }
    if (starttls === "required" && !this.#isEncrypted) {
      return this.#refuse("it logged in without TLS, which is required");
    }
    const credentials = parsePlain(text);
    if (typeof credentials === "string") return this.#refuse(credentials);
    const { username, password } = credentials;
    if (loginEvents) {
      this.#state = "deciding";
      this.#candidate = username;
      return { type: "login", username, password: decodeUtf8(password) };
    }
    // The password is always compared, so that timing reveals nothing about the name.
    const isRight = sameSecret(password, this.#secret!);
    if (username !== this.#username) {
      return this.#refuse(`there is no ${quoteText(username)} to log in as`);
    }
    return isRight ? this.#accept(username) : this.#refuse("the password is wrong");
  }

  #accept(username: string | undefined): ServerHandshakeEvent {
    this.#say("+");
    return this.#over({ type: "ready", minor: this.#minor, username });
  }

  #refuse(reason: string): ServerHandshakeEvent {
    this.#say("-");
    return this.#over({ type: "refused", reason });
  }

  #over(event: ServerHandshakeEvent): ServerHandshakeEvent {
    this.#state = "over";
    this.#secret = undefined;
    return event;
  }

  #say(line: string): void {
    this.#output.push(encodeUtf8(`${line}\n`));
  }

  #tooLong(line: Uint8Array): Error {
    // The line of a login contains the password.
    const what = this.#state === "version" ? quote(line) : "a line";
    return new RemoteProtocolError(
      `The client sent ${what} in the handshake, where a line has ${this.#lineLimit} bytes at most ` +
        '("limits.handshakeLine"). Is it a doveadm client?',
      { limit: "handshakeLine" },
    );
  }
}

/** The name and the password in a PLAIN line, or why it is invalid. */
function parsePlain(line: string): { username: string; password: Uint8Array } | string {
  const [mechanism, encoded = "", ...rest] = line.split("\t");
  if (mechanism !== "PLAIN" || rest.length > 0) return "it didn't log in with PLAIN";
  const plain = fromBase64(encoded);
  if (plain === undefined) return "what it logged in with isn't base64";
  const end = plain.indexOf(0, 1);
  if (plain[0] !== 0 || end === -1) {
    return "it logged in with an authorisation identity, or without a password";
  }
  // As in Dovecot, the text after another NUL is not part of the password.
  const password = plain.subarray(end + 1);
  const nul = password.indexOf(0);
  return {
    username: decodeUtf8(plain.subarray(1, end)),
    password: nul === -1 ? password : password.subarray(0, nul),
  };
}

/** The bytes of padded base64, or `undefined` if it is invalid. */
function fromBase64(text: string): Uint8Array | undefined {
  if (!/^(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=)?$/.test(text) || text.includes("_")) {
    return undefined;
  }
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
