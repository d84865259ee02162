/**
 * The requests and answers of a recorded server, as a script that another server can follow.
 * Like the recordings themselves it is read without the library's code.
 *
 * @module
 */

import type {
  DoveadmCommand,
  DoveadmServerProtocolOptions,
  LogLevel,
} from "../../../core/doveadm/mod.ts";
import {
  escape,
  fromUtf8,
  isUtf8,
  levels,
  type Recording,
  takeApart,
  unescape,
  type Unit,
  utf8,
  wireOf,
} from "./recordings.ts";

/** A part of a server's output after its handshake. */
export type Part =
  | { readonly type: "log"; readonly level: LogLevel; readonly message: string }
  | { readonly type: "field"; readonly bytes: string; readonly final: boolean }
  | { readonly type: "succeed" }
  | { readonly type: "fail"; readonly code: string; readonly detail: string };

/** A command as a recorded client sent it. */
export interface Ask {
  /** The command, with all properties that it can have. */
  readonly command: DoveadmCommand;
  /** Whether all of it is UTF-8. */
  readonly isUtf8: boolean;
  /** Its input as it was meant; `undefined` where there is none. */
  readonly input?: string;
}

/** What a recorded server was and did. */
export interface ServerScript {
  /** The options that a server like it is made with. */
  readonly options: DoveadmServerProtocolOptions & { readonly maxMinor: number };
  /** The minor version that both sides speak. */
  readonly minor: number;
  /** The commands that the client sent, up to the first line that can't be one. */
  readonly asks: readonly Ask[];
  /** The minor version that the client offered; 0 without a VERSION line. */
  readonly offered: number;
  /** Whether the server sent anything. */
  readonly greets: boolean;
  /** Whether the client got in. */
  readonly isIn: boolean;
  /** The reply to each command that has one, with the log lines before it and within. */
  readonly answers: readonly (readonly Part[])[];
  /** Its output after its last reply. */
  readonly rest: readonly Part[];
  /** Whether it passed its log on, if there was something in it. */
  readonly passesLog: boolean;
  /** Whether the client sent no more in the end. */
  readonly clientEnds: boolean;
  /** Whether the server sent no more in the end. */
  readonly serverEnds: boolean;
}

/** The minor version that each recorded server speaks. */
const minors: Readonly<Record<string, number>> = { "2.3.19.1": 2, "2.4.1": 3, main: 4 };

/** The password of the recorded servers that had one. */
const password = "s3cret";

/** The session of a client with these bytes, as its server saw it. */
export function serverScriptOf(recording: Recording): ServerScript {
  const maxMinor = minors[recording.name.split("/")[0]];
  const reader = new AskReader(wireOf(recording, "client"), maxMinor);
  const wire = wireOf(recording, "server");
  const preauthenticated = /^(VERSION\t[^\n]*\n)?\+/.test(wire);
  const isIn = preauthenticated || /^(VERSION\t[^\n]*\n)?-\n\+\n/.test(wire);
  const units = takeApart(wire, reader.offered);
  const minor = Math.min(maxMinor, reader.offered);
  if (isIn) reader.readCommands(preauthenticated);
  return {
    options: {
      maxMinor,
      preauthenticated,
      password: preauthenticated || recording.transport === "nopw" ? undefined : password,
      starttls: recording.transport === "tls" ? undefined : "offered",
    },
    minor,
    offered: reader.offered,
    greets: wire !== "",
    isIn,
    asks: reader.asks,
    ...readAnswers(units),
    passesLog: minor === 1 || minor === 2 || (minor >= 3 && reader.asksForLog),
    clientEnds: recording.steps.some((step) => step.by === "client" && step.bytes === undefined),
    serverEnds: recording.steps.some((step) => step.by === "server" && step.bytes === undefined),
  };
}

/** A server's output on a channel, until it used another one. */
export interface Segment {
  /** The channel, or the handshake before the channels. */
  readonly channel: Unit["channel"];
  /** The output. */
  readonly bytes: string;
}

/** What went over a wire, in its order. The versions say how it is multiplexed. */
export function segmentsOfWire(wire: string, offered: number): Segment[] {
  return joined(takeApart(wire, offered).map(({ channel, byte }) => ({ channel, bytes: byte })));
}

/** What a server must send to say this, the log included if it passes that on. */
export function segmentsOfParts(parts: readonly Part[], passesLog: boolean): Segment[] {
  return joined(parts.map((part) => {
    if (part.type !== "log") return { channel: "main", bytes: bytesOf(part) };
    const type = String.fromCharCode(levels.indexOf(part.level) + 1);
    const lines = fromUtf8(part.message).split("\n").map((line) => `${type}${line}\n`);
    return { channel: "log", bytes: passesLog ? lines.join("") : "" };
  }));
}

function joined(segments: readonly Segment[]): Segment[] {
  const longer: { channel: Segment["channel"]; bytes: string }[] = [];
  for (const { channel, bytes } of segments) {
    if (bytes === "") continue;
    const last = longer.at(-1);
    if (last?.channel === channel) last.bytes += bytes;
    else longer.push({ channel, bytes });
  }
  return longer;
}

function bytesOf(part: Exclude<Part, { type: "log" }>): string {
  switch (part.type) {
    case "field":
      return escape(part.bytes) + (part.final ? "\t" : "");
    case "succeed":
      return "\n+\n";
    case "fail":
      return `\n-${part.code}${part.detail && ` ${part.detail}`}\n`;
  }
}

/** Reads what a client wrote as the commands that a server must see. */
class AskReader {
  /** The minor version that the client offered; 0 without a VERSION line. */
  readonly offered: number;
  readonly asks: Ask[] = [];
  /** Whether it asked for the log. */
  asksForLog = false;
  #rest: string;
  #maxMinor: number;

  constructor(wire: string, maxMinor: number) {
    const found = /^VERSION\tdoveadm-server\t1\t(\d+)\r?\n/.exec(wire);
    this.offered = Number(found?.[1] ?? 0);
    this.#rest = wire.slice(found?.[0].length);
    this.#maxMinor = maxMinor;
  }

  /** Reads the commands, after the login if there was one. */
  readCommands(preauthenticated: boolean): void {
    if (!preauthenticated) {
      this.#rest = this.#rest.replace(/^(STARTTLS\r?\n)?PLAIN\t[^\n]*\n/, "");
    }
    for (let found; (found = /^([^\n]*?)\r?\n/.exec(this.#rest)) !== null;) {
      this.#rest = this.#rest.slice(found[0].length);
      const command = this.#commandOf(found[1]);
      if (command === undefined) return;
      if (command.name === "OPTION" && this.#maxMinor >= 3) {
        this.asksForLog ||= command.args!.includes("log-passthrough");
        continue;
      }
      const ask = { command, isUtf8: isUtf8(found[1]) };
      const hasInput = command.name === "save" || command.name === "sieve put";
      this.asks.push(
        hasInput ? { ...ask, command: { ...command, input: true }, input: this.#readInput() } : ask,
      );
    }
  }

  /** The command of a line, or `undefined` for a line that can't be one. */
  #commandOf(line: string): DoveadmCommand | undefined {
    const [flags, ...rest] = line.split("\t").map((field) =>
      utf8(unescape(field)).replace(/\0.*/s, "")
    );
    if (!(this.#maxMinor >= 3 ? /^[vDx]*$/ : /^[vD]*$/).test(flags)) return undefined;
    const extra = flags.includes("x") ? rest.shift() : undefined;
    const [user, name, ...args] = rest;
    if (name === undefined) return undefined;
    return {
      name,
      args,
      ...user !== "" && { user },
      ...flags !== "" && flags !== "x" &&
        { verbosity: flags.includes("D") ? "debug" : "verbose" },
      ...extra !== undefined && { extraFields: extraFieldsOf(extra) },
    };
  }

  /**
   * Reads up to the line with a lone dot, or as far as it goes: up to a line end that may be the one
   * before the dot.
   */
  #readInput(): string {
    const found = /(^|\r?\n)\.\r?\n|(\r?\n)?$/.exec(this.#rest)!;
    const wire = this.#rest.slice(0, found.index);
    this.#rest = this.#rest.slice(found.index + found[0].length);
    return wire.replaceAll(/(^|\n)\./g, "$1");
  }
}

function extraFieldsOf(field: string): Record<string, string[]> {
  return Object.fromEntries(
    field.split("\t").map((item) => {
      const [key, value = ""] = unescape(item).split("=");
      return [key, [value]];
    }),
  );
}

/** Reads a server's output as replies and log lines. */
function readAnswers(units: readonly Unit[]): Pick<ServerScript, "answers" | "rest"> {
  const answers: Part[][] = [];
  let parts: Part[] = [];
  let isStatus = false;
  let text = "";
  let line = "";
  const endField = (final: boolean) => {
    if (final || text !== "") parts.push({ type: "field", bytes: unescape(text), final });
    text = "";
  };
  for (const { channel, byte } of units) {
    if (channel === "handshake") continue;
    if (channel === "log") {
      if (isStatus || text.endsWith("\x01")) throw new Error("a log line where none can be");
      endField(false);
      if (byte !== "\n") line += byte;
      else {
        logLine(parts, line);
        line = "";
      }
    } else if (!isStatus && byte === "\t") endField(true);
    else if (byte !== "\n") text += byte;
    else if (!isStatus) {
      endField(false);
      isStatus = true;
    } else {
      answers.push([...parts, statusPartOf(text)]);
      parts = [];
      text = "";
      isStatus = false;
    }
  }
  if (isStatus || line !== "") throw new Error("a line without an end");
  endField(false);
  return { answers, rest: parts };
}

/** Reads a log line. One without a level continues the line before (2.3). */
function logLine(parts: Part[], line: string): void {
  const level = levels[line.charCodeAt(0) - 1];
  const last = parts.at(-1);
  if (level !== undefined) parts.push({ type: "log", level, message: utf8(line.slice(1)) });
  else if (last?.type !== "log") throw new Error(`a log line without a level: ${line}`);
  else parts[parts.length - 1] = { ...last, message: `${last.message}\n${utf8(line)}` };
}

function statusPartOf(status: string): Part {
  if (status === "+") return { type: "succeed" };
  const found = /^-([A-Z]*)(?: (.*))?$/.exec(status);
  if (found === null) throw new Error(`the status ${status}`);
  return { type: "fail", code: found[1], detail: found[2] ?? "" };
}
