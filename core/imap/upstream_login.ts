/**
 * A relay's conversation with the server up to the login.
 *
 * @module
 */

import { encodeUtf8 } from "../bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import { quoteText } from "../peer_text.ts";
import { capabilitiesIn } from "./capability.ts";
import type { LoginEvent } from "./conversation_events.ts";
import type { ImapLimits } from "./limits.ts";
import { loginCommand } from "./relay_login_command.ts";
import { asLineText } from "./response_lines.ts";
import { ResponseParser } from "./response_parser.ts";
import type { PassFrame, ResponseFrame, StatusFrame } from "./response_reader.ts";
import type { ClientFields } from "./session.ts";
import { isAtom, quoted } from "./syntax.ts";
import { astringOf, type ImapValue, isNil } from "./value.ts";

/** What an {@linkcode UpstreamLogin} needs. */
export interface UpstreamLoginOptions {
  /** What to say by ID; nothing if `undefined`. */
  readonly id: Readonly<Record<string, string>> | undefined;
  /** Whether to ask for TLS first. */
  readonly startTls: boolean;
  /** The limits. */
  readonly limits: ImapLimits;
  /** Takes bytes for the server. */
  readonly write: (bytes: Uint8Array) => void;
  /** A tag that wasn't used before. */
  readonly nextTag: () => string;
}

/** The server's answer to a login. */
export interface Verdict {
  /** What kind of news it is. */
  readonly type: "verdict";
  /** Whether the client is logged in. */
  readonly isAccepted: boolean;
  /** Who: the name that was sent. */
  readonly user: string;
  /** The answer without its tag, from the space after it on; `undefined` if the server wasn't asked. */
  readonly answer: Uint8Array | undefined;
  /** The response code. */
  readonly code: string | undefined;
  /** The text for people. */
  readonly text: string;
}

/** What a response means for the relay. */
export type LoginNews =
  /** TLS can start. */
  | { readonly type: "start-tls" }
  /** The client can be greeted; `text` is the server's own greeting. */
  | { readonly type: "ready"; readonly text: string }
  /** What was said by ID isn't believed. */
  | { readonly type: "untrusted"; readonly text: string }
  /** An untagged response during the login, for the client. */
  | { readonly type: "pass"; readonly frame: StatusFrame }
  | Verdict;

/** What Dovecot answers, from 2.4 on, to a relay whose address is in `login_trusted_networks`. */
const trustedAnswer = /^Trusted ID completed/i;

/**
 * The part of a relay that logs in: it reads the greeting, asks for TLS, says by ID who the client is, and sends
 * each login of the client as its own command, one at a time. Nothing of the client's bytes is passed on, so that
 * the server can't read another command in them than the relay did.
 */
export class UpstreamLogin {
  /**
   * "greeting": the server's is awaited; "starttls": the answer to STARTTLS is; "securing": TLS starts;
   * "listing": the capabilities are awaited, "identifying": the answer to ID; "ready" for a login; "asking": the
   * client's CAPABILITY is repeated first; "logging-in"; "done": the client is logged in.
   */
  #state:
    | "greeting"
    | "starttls"
    | "securing"
    | "listing"
    | "identifying"
    | "ready"
    | "asking"
    | "logging-in"
    | "done" = "greeting";
  readonly #options: Omit<UpstreamLoginOptions, "id">;
  /** What to say by ID, as it is written; `undefined` for nothing. */
  #id: string | undefined;
  /** Whether that says something of the client. */
  readonly #saysOfClient: boolean;
  #tag = "";
  #text = "";
  #capabilities: string[] | undefined;
  #serverId: ClientFields | undefined;
  /** Reads the answer to ID. */
  #parser: ResponseParser | undefined;
  /** Whether the server has confirmed that it believes what was said by ID. */
  #isTrusted = false;
  /** Whether the server was asked for its capabilities since they may have changed. */
  #hasAsked = false;
  #login: LoginEvent | undefined;
  #user = "";
  /** What is left of the login command: the next piece after each continuation. */
  #pieces: readonly Uint8Array[] = [];

  /** Creates one that awaits the greeting. Throws a {@linkcode LocalProtocolError} for an invalid `id`. */
  constructor(options: UpstreamLoginOptions) {
    const { id, ...others } = options;
    this.#options = others;
    this.#id = id === undefined ? undefined : idArguments(id);
    this.#saysOfClient = Object.keys(id ?? {}).some((name) => /^x-/i.test(name));
  }

  /** What the server lists; empty if it hasn't yet. */
  get capabilities(): readonly string[] {
    return this.#capabilities ?? [];
  }

  /** What the server says by ID; `undefined` if nothing is known. */
  get serverId(): ClientFields | undefined {
    return this.#serverId;
  }

  /** Whether the client is waiting for the answer to its login. */
  get isLoggingIn(): boolean {
    return this.#state === "asking" || this.#state === "logging-in";
  }

  /** Forgets what was learned, once the client is let in: there is no other login, and a connection may last for days. */
  forget(): void {
    this.#id = undefined;
    this.#text = "";
    this.#capabilities = undefined;
    this.#serverId = undefined;
  }

  /** Goes on after TLS has started. */
  tlsStarted(): void {
    if (this.#state !== "securing") {
      throw new LocalProtocolError(
        'tlsStarted() answers a "start-tls" event of this side, and there was none.',
      );
    }
    // What came before TLS doesn't count any more (RFC 9051, 6.2.1).
    this.#capabilities = undefined;
    this.#list();
  }

  /** Begins a login; returns the verdict where the server needn't be asked. */
  begin(login: LoginEvent): Verdict | undefined {
    this.#login = login;
    if (login.hasAskedCapabilities && !this.#hasAsked) {
      // The server answers the login in another form then, which the client expects.
      this.#hasAsked = true;
      this.#send("CAPABILITY", "asking");
      return undefined;
    }
    return this.#logIn(login);
  }

  /** Takes a response of the server. */
  take(frame: ResponseFrame): LoginNews[] {
    if (frame.type === "pass") {
      this.#takeData(frame);
      return [];
    }
    this.#learn(frame);
    if (frame.kind === "untagged") return this.#takeUntagged(frame);
    if (frame.kind === "continuation") {
      this.#continue(frame);
      return [];
    }
    if (frame.tag !== this.#tag) throw unexpected(frame);
    return this.#takeAnswer(frame);
  }

  #takeUntagged(frame: StatusFrame): LoginNews[] {
    if (this.#state === "greeting") return this.#takeGreeting(frame);
    return this.#state === "logging-in" ? [{ type: "pass", frame }] : [];
  }

  #takeGreeting(frame: StatusFrame): LoginNews[] {
    if (frame.name !== "OK") {
      throw new RemoteProtocolError(
        `The server greets with ${quoteText(frame.name)}, where only OK lets a client log in.`,
      );
    }
    this.#text = frame.text;
    if (this.#options.startTls) {
      this.#send("STARTTLS", "starttls");
      return [];
    }
    if (this.#capabilities === undefined) {
      this.#list();
      return [];
    }
    return this.#identify();
  }

  #takeAnswer(frame: StatusFrame): LoginNews[] {
    switch (this.#state) {
      case "starttls":
        if (frame.name !== "OK") {
          throw new RemoteProtocolError(
            `The server refuses TLS: it says ${
              quoteText(frame.text)
            }. Set its certificate, or leave ` +
              "STARTTLS out.",
          );
        }
        this.#state = "securing";
        return [{ type: "start-tls" }];
      case "listing":
        return this.#identify();
      case "identifying":
        return this.#takeIdAnswer(frame);
      case "asking": {
        const verdict = this.#logIn(this.#login!);
        return verdict === undefined ? [] : [verdict];
      }
      case "logging-in":
        return this.#takeVerdict(frame);
      default:
        throw unexpected(frame);
    }
  }

  #takeIdAnswer({ name, text }: StatusFrame): LoginNews[] {
    this.#parser = undefined;
    this.#isTrusted = name === "OK" && trustedAnswer.test(text);
    const ready = this.#ready();
    // An ID that the server doesn't understand doesn't count. Otherwise only Dovecot 2.4 tells, which
    // can be recognized after the login.
    return name === "OK" ? [ready] : [{ type: "untrusted", text }, ready];
  }

  #takeVerdict(frame: StatusFrame): LoginNews[] {
    const isAccepted = frame.name === "OK";
    if (isAccepted && this.#pieces.length > 0) {
      throw new RemoteProtocolError("The server accepts a login before it was told the password.");
    }
    this.#pieces = [];
    this.#login = undefined;
    this.#state = isAccepted ? "done" : "ready";
    const verdict: Verdict = {
      type: "verdict",
      isAccepted,
      user: this.#user,
      answer: frame.bytes.subarray(this.#tag.length),
      code: frame.code?.name,
      text: frame.text,
    };
    const isUntrusted = isAccepted && this.#saysOfClient && !this.#isTrusted &&
      // These came with the words that confirm the trust, in Dovecot 2.4.
      this.capabilities.some((word) => /^INPROGRESS$/i.test(word));
    return isUntrusted ? [{ type: "untrusted", text: "" }, verdict] : [verdict];
  }

  #continue(frame: StatusFrame): void {
    const [next, ...rest] = this.#pieces;
    if (this.#state !== "logging-in" || next === undefined) throw unexpected(frame);
    this.#pieces = rest;
    this.#options.write(next);
  }

  /** Asks what the server can do, where it didn't say so itself. */
  #list(): void {
    this.#send("CAPABILITY", "listing");
  }

  #identify(): LoginNews[] {
    if (this.#id === undefined) return [this.#ready()];
    this.#parser = new ResponseParser(this.#options.limits);
    this.#send(`ID ${this.#id}`, "identifying");
    return [];
  }

  #ready(): LoginNews {
    this.#state = "ready";
    return { type: "ready", text: asLineText(this.#text) };
  }

  #logIn(login: LoginEvent): Verdict | undefined {
    this.#tag = this.#options.nextTag();
    const command = loginCommand(this.#tag, login, this.capabilities);
    if (command === undefined) {
      this.#state = "ready";
      this.#login = undefined;
      const code = "PRIVACYREQUIRED";
      const text = "The mail server takes no password over this connection.";
      return {
        type: "verdict",
        isAccepted: false,
        user: login.user,
        answer: undefined,
        code,
        text,
      };
    }
    const [first, ...rest] = command.pieces;
    this.#user = command.user;
    this.#pieces = rest;
    this.#state = "logging-in";
    this.#options.write(first);
  }

  /** Notes the capabilities that a response lists. */
  #learn(frame: StatusFrame): void {
    const list = listedIn(frame);
    if (list !== undefined) this.#capabilities = capabilitiesIn(list);
  }

  /** Takes other untagged data: only the answer to ID means something. */
  #takeData({ bytes }: PassFrame): void {
    if (this.#state === "greeting") {
      throw new RemoteProtocolError(
        "The server doesn't begin with a greeting. Is it an IMAP server?",
      );
    }
    if (this.#parser === undefined) return;
    this.#parser.receive(bytes);
    for (let response; (response = this.#parser.next()) !== undefined;) {
      if (response.type === "untagged" && response.name === "ID") {
        this.#serverId = fieldsOf(response.values[0]);
      }
    }
  }

  #send(command: string, state: "starttls" | "listing" | "identifying" | "asking"): void {
    this.#tag = this.#options.nextTag();
    this.#state = state;
    this.#options.write(encodeUtf8(`${this.#tag} ${command}\r\n`));
  }
}

/** A response that answers nothing. */
function unexpected({ kind, tag = "", text }: StatusFrame): RemoteProtocolError {
  const what = kind === "tagged" ? `answered a command ${quoteText(tag)}` : "asked to go on";
  return new RemoteProtocolError(`The server ${what}, which wasn't sent: ${quoteText(text)}.`);
}

/** The fields of an answer to ID. */
function fieldsOf(value: ImapValue | undefined): ClientFields | undefined {
  if (value?.type !== "list") return undefined;
  const fields = new Map<string, string | undefined>();
  const { values } = value;
  for (let at = 0; at + 1 < values.length; at += 2) {
    const name = astringOf(values[at]);
    if (name === undefined) continue;
    fields.set(name.toLowerCase(), isNil(values[at + 1]) ? undefined : astringOf(values[at + 1]));
  }
  return fields;
}

/** The arguments of ID. Throws a {@linkcode LocalProtocolError} for what it can't carry. */
function idArguments(id: Readonly<Record<string, string>>): string {
  const written = Object.entries(id).map(([name, value]) => {
    const text = quoted(value);
    if (!isAtom(name) || name.length > 30 || text === undefined || value.length > 1024) {
      throw new LocalProtocolError(
        `"upstreamId" can't say ${quoteText(name)} ${
          quoteText(value)
        }. Use an atom of at most 30 ` +
          "characters for the name, and ASCII text without line ends for the value.",
      );
    }
    // The server would send everything in frames of its own from then on.
    if (/^x-multiplex$/i.test(name)) {
      throw new LocalProtocolError('"upstreamId" has "x-multiplex". Leave it out.');
    }
    return `"${name}" ${text}`;
  });
  return written.length === 0 ? "NIL" : `(${written.join(" ")})`;
}

/** The capabilities that a status response lists; `undefined` if it lists none. */
export function listedIn({ kind, name, code, text }: StatusFrame): string | undefined {
  if (kind === "untagged" && name === "CAPABILITY") return text;
  return code?.name === "CAPABILITY" ? code.text : undefined;
}
