/**
 * Decodes what a client sent.
 *
 * @module
 */

import { decodeUtf8, quote } from "../../bytes.ts";
import { RemoteProtocolError } from "../../errors.ts";
import { findCommand } from "../catalogue/lookup.ts";
import { decodeArguments } from "../catalogue/options.ts";
import type { DoveadmCommand } from "../command.ts";
import { parseCommandLine } from "../command_line.ts";
import { DotUnstuffer } from "../dot_stuffing.ts";
import { takesInput } from "../server.ts";
import { parseVersionLine } from "../version_line.ts";
import type { Exchange, PendingCommand } from "./exchange.ts";
import { Gist } from "./gist.ts";
import { type GatheredLine, LineGatherer } from "./line_gatherer.ts";
import { parseLogin } from "./login_line.ts";
import { SideReader } from "./side_reader.ts";
import type { TraceContent, TracedCommand } from "./trace_item.ts";
import { WireRanges, type WireSlice } from "./wire_range.ts";

/** The longest line of a command, as in Dovecot. */
const longestLine = 1024 * 1024;

/** The first byte of TLS: that of a record with a handshake message. */
const tlsHandshake = 0x16;

/** How the bytes after a client's mistake are read. */
const expectedCommand = "Expected a command: flags, user, name and arguments, with TABs between.";

/** The client's side of a conversation. */
export class ClientSide extends SideReader {
  /**
   * "start": nothing was read; "line": a line is read; "tls": it has asked for TLS; "input": a command's
   * input is read; "rest": what is left can't be decoded.
   */
  #state: "start" | "line" | "tls" | "input" | "rest" = "start";
  /** Whether the VERSION line has come, or another line in its place. */
  #hasVersion = false;
  #exchange: Exchange;
  #lines = new LineGatherer(longestLine);
  #command: PendingCommand | undefined;
  #unstuffer = new DotUnstuffer();
  #input: Gist;
  #inputRanges = new WireRanges();

  /** Reads with the state of the conversation. */
  constructor(exchange: Exchange) {
    super("client", exchange.texts);
    this.#exchange = exchange;
    this.#input = new Gist(exchange.texts.kept);
  }

  override read(slice: WireSlice): void {
    this.#exchange.isClientSeen = true;
    super.read(slice);
  }

  protected override endWithin(how: string): void {
    if (this.#lines.isWithin) this.#endWithinLine(how);
    else if (this.#state === "input" && this.#command !== undefined) {
      this.#endInput(`The ${how} within the input: a line with a single dot should end it.`);
    }
  }

  protected override readFrom(slice: WireSlice, from: number): number {
    switch (this.#state) {
      case "start":
      case "tls": {
        const isTls = slice.bytes[from] === tlsHandshake;
        if (isTls) this.#encrypt(this.#state === "start");
        else this.#state = "line";
        return from;
      }
      case "line": {
        const { line, next } = this.#lines.read(slice, from);
        if (line !== undefined) this.#line(line);
        return next;
      }
      case "input":
        return this.#readInput(slice, from);
      case "rest":
        return this.readRest(slice, from);
    }
  }

  #encrypt(isFromStart: boolean): void {
    this.#state = "rest";
    this.beginRest({ isEncrypted: true });
    const remark = isFromStart
      ? "TLS from the first byte: nothing of it can be decoded."
      : "TLS begins: nothing after it can be decoded.";
    this.emit({ content: { type: "encrypted" }, remark });
  }

  #line(line: GatheredLine): void {
    const text = decodeUtf8(line.bytes);
    const isFirst = !this.#hasVersion;
    this.#hasVersion = true;
    if (/^VERSION(\t|$)/.test(text)) return this.#version(line, text, isFirst);
    if (isFirst) {
      const mistake = `Expected "VERSION", "doveadm-server", 1 and a number${
        isHttp(text) ? ", but this is HTTP" : ""
      }.`;
      // A command or a login may come all the same.
      if (!isLogin(text) && !looksLikeCommand(text)) return this.#unknown(line, mistake);
    }
    if (text === "STARTTLS" && !this.#exchange.isAccepted) return this.#startTls(line);
    if (isLogin(text)) return this.#login(line, text);
    this.#commandLine(line);
  }

  #version(line: GatheredLine, text: string, isFirst: boolean): void {
    const version = parseVersionLine(text, "doveadm-server");
    if (isFirst) {
      this.#exchange.offered = version?.minor;
      this.#exchange.handshakeOwed++;
    }
    const mistake = version === undefined
      ? 'Expected "VERSION", "doveadm-server", 1 and a number.'
      : version.major !== "1"
      ? `Expected version 1, not ${version.major}.`
      : isFirst
      ? undefined
      : "Expected no other VERSION line.";
    this.#emit(line, { type: "version", minor: version?.minor }, mistake);
  }

  #startTls(line: GatheredLine): void {
    this.#state = "tls";
    this.#emit(line, { type: "start-tls" });
  }

  #login(line: GatheredLine, text: string): void {
    const { username, secrets, fault } = parseLogin(text);
    for (const secret of secrets) this.texts.secrets.add(secret);
    const shown = username === undefined ? undefined : this.texts.of(username);
    const mistake = this.#exchange.isAccepted
      ? "Expected a command: the server has accepted the client already."
      : fault;
    if (!this.#exchange.isAccepted) this.#exchange.handshakeOwed++;
    this.#emit(line, { type: "login", username: shown }, mistake);
  }

  #commandLine(line: GatheredLine): void {
    if (line.size > longestLine) {
      return this.#unknown(line, `Expected a line of at most ${longestLine} bytes.`);
    }
    const { serverMinor } = this.#exchange;
    let command: DoveadmCommand, mistake: string | undefined;
    try {
      const isNew = serverMinor === undefined || serverMinor >= 3;
      ({ command, mistake } = parseCommandLine(line.bytes, isNew));
    } catch (error) {
      if (!(error instanceof RemoteProtocolError)) throw error;
      return this.#unknown(line, `${expectedCommand}${flagFault(error, line)}`);
    }
    if (mistake !== undefined) mistake = `Expected UTF-8: ${mistake}.`;
    const { name, args = [] } = command;
    if (name === "OPTION") {
      const options = args.map((arg) => this.texts.ofText(this.texts.secrets.conceal(arg)));
      return this.#emit(line, { type: "option", options }, mistake);
    }
    const hasInput = isFollowedByInput(command);
    const pending = this.#exchange.begin(name, args, hasInput);
    const traced = this.#traced(command);
    this.#emit(line, { type: "command", id: pending.id, command: traced }, mistake);
    if (hasInput) {
      this.#state = "input";
      this.#command = pending;
      this.#unstuffer = new DotUnstuffer();
    } else if (name === "dsync-server") {
      this.#state = "rest";
      this.beginRest({ why: "It speaks dsync's own protocol here, which isn't decoded." });
    }
  }

  #traced({ name, user, verbosity, args = [], extraFields = {} }: DoveadmCommand): TracedCommand {
    const { secrets } = this.texts;
    // First, so that the secrets are known.
    const shown = secrets.concealArguments(name, args).map((arg) => this.texts.ofText(arg));
    const text = (value: string) => this.texts.ofText(secrets.conceal(value));
    return {
      name: text(name),
      user: user === undefined ? undefined : text(user),
      verbosity,
      args: shown,
      extraFields: Object.entries(extraFields).flatMap(([key, values]) =>
        [values].flat().map((value) => text(`${key}=${value}`))
      ),
    };
  }

  #readInput(slice: WireSlice, from: number): number {
    const { bytes, end } = slice;
    const { pieces, end: stop } = this.#unstuffer.push(bytes.subarray(from, end));
    for (const piece of pieces) this.#input.push(piece);
    const next = stop === undefined ? end : from + stop;
    this.#inputRanges.addSlice(slice, from, next);
    if (stop !== undefined) {
      this.#endInput();
      this.#state = "line";
    }
    return next;
  }

  #endInput(mistake?: string): void {
    const { bytes, size } = this.#input.take();
    const { id } = this.#command!;
    this.#command!.isInputOpen = false;
    const content: TraceContent = { type: "input", id, text: this.texts.of(bytes, size) };
    this.emit({ ranges: this.#inputRanges.take(), content, mistake });
  }

  #endWithinLine(how: string): void {
    const line = this.#lines.take();
    const isHidden = !this.#exchange.isAccepted || isLogin(decodeUtf8(line.bytes));
    this.#bytes(line, isHidden, `The ${how} within a line: an LF should end it.`);
  }

  #unknown(line: GatheredLine, mistake: string): void {
    this.#bytes(line, !this.#exchange.isAccepted, mistake);
  }

  /** Bytes without a meaning. They may be a password as long as the server hasn't accepted the client. */
  #bytes({ bytes, size, ranges }: GatheredLine, isHidden: boolean, mistake: string): void {
    const text = isHidden ? this.texts.firstWord(bytes, size) : this.texts.of(bytes, size);
    this.emit({ ranges, content: { type: "bytes", text, size }, mistake });
  }

  #emit({ ranges }: GatheredLine, content: TraceContent, mistake?: string): void {
    this.emit({ ranges, content, mistake });
  }
}

/** Whether a line tries to log in, by PLAIN or by any other mechanism of SASL. */
function isLogin(text: string): boolean {
  return /^(?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2|OAUTHBEARER|SCRAM-[A-Z0-9-]+|AUTH(?:ENTICATE)?)(?:[\t ]|$)/i
    .test(text);
}

/** Whether a command is followed by input: not if an argument names a file of the server. */
function isFollowedByInput(command: DoveadmCommand): boolean {
  const { name, args = [] } = command;
  const info = findCommand(name);
  if (info?.input === undefined) return takesInput(command);
  try {
    const file = decodeArguments(info, args, "2.4")[info.input];
    return typeof file !== "string" || file === "" || file === "-";
  } catch {
    return true;
  }
}

function isHttp(text: string): boolean {
  return / HTTP\/\d/.test(text);
}

/** Whether a line has the flags of a command, and then a TAB. */
function looksLikeCommand(text: string): boolean {
  return /^[vDx]*\t/.test(text);
}

/** Why a line is no command, if it is for a flag; without the line itself, which may have secrets. */
function flagFault(error: RemoteProtocolError, line: GatheredLine): string {
  const found = /: (".+" is not a flag.*)$/s.exec(error.message.replace(quote(line.bytes), ""));
  return found === null ? "" : ` Here ${found[1]}`;
}
