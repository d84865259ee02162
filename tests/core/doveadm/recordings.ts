/**
 * Recordings of real servers: what they hold, what a caller would have asked for in them, and
 * their results. None of it uses the library's code, which they test.
 *
 * Bytes are strings here, one character per byte, which makes them easy to take apart, to compare
 * and to read in a failed test.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import type {
  DoveadmClientProtocolOptions,
  DoveadmCommand,
  LogLevel,
} from "../../../core/doveadm/mod.ts";
import { strictDecoder, toBytes, unescape, utf8 } from "./byte_strings.ts";

export { escape, fromBytes, fromUtf8, isUtf8, toBytes, unescape, utf8 } from "./byte_strings.ts";

/** The servers that were recorded, by version. */
export const servers = ["2.3.19.1", "2.4.1", "main"] as const;

/** How many recordings there are of HTTP with each server: another protocol, and not kept here. */
export const httpRecordings = 49;

/** A conversation with a real server. */
export interface Recording {
  /** The server's version and what was tried: "2.4.1/mailbox-list-m3". */
  readonly name: string;
  /** What it went over: "unix", "tcp", "tls"; "nopw" is TCP to a server without a password. */
  readonly transport: string;
  /** What went over the wire, in order; `bytes` is `undefined` where a side sent no more. */
  readonly steps: readonly { readonly by: "client" | "server"; readonly bytes?: string }[];
  /** What the server sent after the handshake, by channel. */
  readonly channels: Readonly<Record<"main" | "log", string>>;
}

/** Something that a caller of the client does. */
export type Act =
  | { readonly type: "send"; readonly command: DoveadmCommand }
  | { readonly type: "write"; readonly input: string }
  | { readonly type: "end" };

/** A step of a conversation, seen by a caller of the client. */
export type ScriptStep =
  /** The caller acts; the client writes the bytes, now or when it may. */
  | { readonly acts: readonly Act[]; readonly bytes: string }
  /** The server sends bytes. */
  | { readonly says: string }
  /** The server sends no more. */
  | { readonly ends: true };

/** What a caller would have done to have the conversation of a recording. */
export interface Script {
  /** The options that the client is made with. */
  readonly options: DoveadmClientProtocolOptions & { readonly maxMinor: number };
  /** Whether TLS comes about where it is asked for. */
  readonly getsTls: boolean;
  /** What happens. */
  readonly steps: readonly ScriptStep[];
  /** In what the client differs from the one that was recorded, in words. */
  readonly differences: ReadonlySet<string>;
}

/** An event, as plain data. */
export type Seen =
  | { readonly type: "start-tls" }
  | { readonly type: "ready"; readonly minor: number; readonly preauthenticated: boolean }
  | {
    readonly type: "log";
    readonly id: number | undefined;
    readonly level: LogLevel;
    readonly message: string;
  }
  | {
    readonly type: "reply";
    readonly id: number;
    readonly ok: boolean;
    readonly code: string | undefined;
    readonly detail: string;
    readonly rawFields: readonly string[];
    readonly fields: readonly string[];
  }
  | { readonly type: "end"; readonly unanswered: readonly number[] };

/** The result of a script, as the recording has it. */
export interface Course {
  /** The events up to the end, or up to where an error ends the conversation. */
  readonly events: readonly Seen[];
  /** What the client has written by then. */
  readonly output: string;
  /** The requests without a reply by then. */
  readonly unanswered: readonly number[];
}

/** A byte that the server sent. */
export interface Unit {
  readonly channel: "handshake" | "main" | "log";
  readonly byte: string;
  /** The place of its last byte on the wire. */
  readonly at: number;
}

/** All recordings of a server. */
export function loadRecordings(server: string): Recording[] {
  const file = new URL(`./recordings/${server}.jsonl`, import.meta.url);
  return readFileSync(file, "utf8").trimEnd().split("\n").map((line) => {
    const { name, transport, steps, ch0, chL } = JSON.parse(line) as {
      readonly name: string;
      readonly transport: string;
      readonly steps: readonly (readonly ["C" | "S", string?])[];
      readonly ch0: string;
      readonly chL: string;
    };
    return {
      name: `${server}/${name}`,
      transport,
      steps: steps.map(([who, bytes]) => ({
        by: who === "C" ? "client" : "server",
        bytes: bytes === undefined ? undefined : fromBase64(bytes),
      })),
      channels: { main: fromBase64(ch0), log: fromBase64(chL) },
    };
  });
}

function fromBase64(text: string): string {
  return Buffer.from(text, "base64").toString("latin1");
}

/** What a caller would have done; throws where the recorded client did what ours never does. */
export function scriptOf(recording: Recording): Script {
  const reader = new ClientReader();
  const steps: ScriptStep[] = [];
  const last = recording.steps.findLastIndex(({ by, bytes }) => by === "client" && bytes);
  for (const [at, { by, bytes }] of recording.steps.entries()) {
    if (by === "server") steps.push(bytes === undefined ? { ends: true } : { says: bytes });
    // Where the recorded client closed its side, ours only stops asking.
    else if (bytes !== undefined) steps.push(reader.read(bytes, at === last));
  }
  const { options, differences, getsTls } = reader;
  const { maxMinor } = options;
  if (maxMinor === undefined) throw new Error("the client sends no VERSION line");
  return { options: { ...options, maxMinor }, differences, getsTls, steps };
}

/** Commands that read input, unless an argument names another source. */
const inputCommands: ReadonlySet<string> = new Set(["save", "sieve put"]);

/** Reads what a client wrote as what its caller asked for. */
class ClientReader {
  readonly options: DoveadmClientProtocolOptions = {};
  readonly differences = new Set<string>();
  getsTls = false;
  #isInput = false;
  #hasCommands = false;
  #acts: Act[] = [];
  #rest = "";
  #bytes = "";

  /** Reads what was written in one step; `isLast` if there is no other one after it. */
  read(bytes: string, isLast: boolean): ScriptStep {
    this.#acts = [];
    this.#rest = bytes;
    this.#bytes = "";
    while (this.#rest !== "") {
      if (this.#isInput) this.#readInput();
      else this.#readLine(isLast);
    }
    return { acts: this.#acts, bytes: this.#bytes };
  }

  #readLine(isLast: boolean): void {
    const found = /^([^\n]*?)(\r?\n)/.exec(this.#rest);
    if (found === null) throw new Error("a line without an end");
    const [whole, line, lineEnd] = found;
    this.#rest = this.#rest.slice(whole.length);
    this.#bytes += `${line}\n`;
    if (lineEnd !== "\n") this.differences.add("lines end in LF, not in CRLF");
    if (this.#hasCommands || !this.#readHandshake(line)) {
      this.#hasCommands = true;
      this.#readCommand(line, isLast && this.#rest === "");
    }
  }

  /** Reads a line before the first command; returns whether it was one. */
  #readHandshake(line: string): boolean {
    const { options } = this;
    const version = /^VERSION\tdoveadm-server\t1\t(\d+)$/.exec(line);
    if (version !== null) options.maxMinor = Number(version[1]);
    else if (line === "\t\tOPTION\tlog-passthrough") options.logPassthrough = true;
    else if (line === "STARTTLS") {
      options.starttls = "required";
      options.password = "not asked for in this recording";
    } else if (line.startsWith("PLAIN\t")) {
      const [identity, username, password] = atob(line.slice(6)).split("\0");
      if (identity !== "") throw new Error("a login in somebody else's name");
      options.username = username;
      options.password = password;
      this.getsTls = options.starttls !== undefined;
    } else return false;
    return true;
  }

  #readCommand(line: string, isLast: boolean): void {
    const command = commandOf(line);
    this.#isInput = inputCommands.has(command.name) && !isLast;
    this.#acts.push({ type: "send", command: { ...command, input: this.#isInput } });
  }

  /** Reads up to the line with a lone dot. The line end before it is not part of the input. */
  #readInput(): void {
    const found = /\r?\n\.\r?\n/.exec(this.#rest);
    const wire = found === null ? this.#rest : this.#rest.slice(0, found.index);
    this.#acts.push({ type: "write", input: wire.replaceAll(/(^|\n)\./g, "$1") });
    if (/^[^.\r\n]/.test(wire)) {
      this.differences.add("an input's first line has a dot in front");
      this.#bytes += ".";
    }
    this.#bytes += wire;
    this.#rest = this.#rest.slice(wire.length);
    if (found === null) return;
    const ending = "\r\n.\r\n";
    if (found[0] !== ending) this.differences.add("input ends in CRLF . CRLF, not in LF . LF");
    this.#acts.push({ type: "end" });
    this.#bytes += ending;
    this.#rest = this.#rest.slice(found[0].length);
    this.#isInput = false;
  }
}

/** The command that a line stands for. */
function commandOf(line: string): DoveadmCommand {
  const [flags, ...fields] = line.split("\t");
  const known = /^([vD]?)(x?)$/.exec(flags);
  if (known === null) throw new Error(`the flags "${flags}"`);
  const extraFields = known[2] === "x" ? extraFieldsOf(fields.shift() ?? "") : undefined;
  const [user, name, ...args] = fields.map(textOf);
  if (name === undefined) throw new Error("a command of too few fields");
  const verbosity = ({ v: "verbose", D: "debug" } as const)[known[1]];
  return { name, args, user, verbosity, extraFields };
}

function extraFieldsOf(field: string): Record<string, string> {
  return Object.fromEntries(
    unescape(field).split("\t").map((item) => {
      const [key, value = ""] = item.split("=");
      return [key, textOf(value)];
    }),
  );
}

/** The text that a field stands for; throws where it isn't UTF-8. */
function textOf(field: string): string {
  return strictDecoder.decode(toBytes(unescape(field)));
}

/** The result of a script, from what the server sent. */
export function courseOf(recording: Recording, script: Script): Course {
  const units = unitsOf(recording, script.options.maxMinor);
  const narrator = new Narrator(script.options);
  let output = "";
  let sent = 0;
  let heard = 0;
  for (const step of script.steps) {
    if (narrator.isOver) break;
    if ("acts" in step) {
      output += step.bytes;
      step.acts.forEach((act) => narrator.act(act));
    } else if ("says" in step) {
      sent += step.says.length;
      while (heard < units.length && units[heard].at < sent) narrator.hear(units[heard++]);
    } else narrator.end();
  }
  return { events: narrator.events, output, unanswered: narrator.unanswered };
}

/** What a recording's server sent on a channel, by our own demultiplexing. */
export function channelOf(
  recording: Recording,
  { options }: Script,
  channel: "main" | "log",
): string {
  return unitsOf(recording, options.maxMinor)
    .filter((unit) => unit.channel === channel)
    .map((unit) => unit.byte)
    .join("");
}

/** All that the server sent. */
function unitsOf(recording: Recording, maxMinor: number): Unit[] {
  return takeApart(wireOf(recording, "server"), maxMinor);
}

/** All that a side sent. */
export function wireOf({ steps }: Recording, side: "client" | "server"): string {
  return steps.map(({ by, bytes = "" }) => by === side ? bytes : "").join("");
}

/** What a server sent, byte for byte. The versions say how it is multiplexed. */
export function takeApart(wire: string, maxMinor: number): Unit[] {
  const start = /^(?:VERSION\tdoveadm-client\t1\t(\d+)\n)?(?:-\n)?(\+\n)?/.exec(wire)!;
  const begin = start[2] === undefined ? wire.length : start[0].length;
  const minor = Math.min(maxMinor, Number(start[1] ?? 0));
  const handshake = plainUnits(wire.slice(0, begin), 0, "handshake");
  if (minor === 0) return handshake.concat(plainUnits(wire, begin, "main"));
  return handshake.concat((minor >= 4 ? streamUnits : packetUnits)(wire, begin));
}

function plainUnits(wire: string, begin: number, channel: Unit["channel"]): Unit[] {
  return Array.from(wire.slice(begin), (byte, at) => ({ channel, byte, at: begin + at }));
}

function packetUnits(wire: string, begin: number): Unit[] {
  const units: Unit[] = [];
  for (let at = begin; at < wire.length;) {
    const channel = channelNamed(wire[at]);
    const end = at + 5 + Buffer.from(wire.slice(at + 1, at + 5), "latin1").readUInt32BE();
    for (at += 5; at < end; at++) units.push({ channel, byte: wire[at], at });
  }
  return units;
}

function streamUnits(wire: string, begin: number): Unit[] {
  const units: Unit[] = [];
  let channel = channelNamed("\0");
  const header = "\xff\xff\xff\xff\xff\x00\x02\x03\xfe";
  for (let at = begin + header.length; at < wire.length; at++) {
    const byte = wire[at];
    if (byte === "\x03" && wire[at + 1] === "\xfe") {
      at += 2;
      if (wire[at] === "\x00") channel = channelNamed(wire[++at]);
      else units.push({ channel, byte, at });
    } else units.push({ channel, byte, at });
  }
  return units;
}

function channelNamed(byte: string): "main" | "log" {
  if (byte !== "\0" && byte !== "L") throw new Error(`an unknown channel, "${byte}"`);
  return byte === "\0" ? "main" : "log";
}

/** A request that has no reply yet. */
interface Request {
  readonly id: number;
  readonly takesInput: boolean;
  inputEnded: boolean;
}

/** The levels of log lines, by the bytes that stand for them, from 1 on. */
export const levels: readonly LogLevel[] = ["debug", "info", "warning", "error", "fatal", "panic"];

/** Reads a conversation byte by byte and returns the events that a client must see. */
class Narrator {
  readonly events: Seen[] = [];
  /** Whether the client has had enough, for whatever reason. */
  isOver = false;
  #options: Script["options"];
  #minor = 0;
  #isAsked = false;
  #requests: Request[] = [];
  #made = 0;
  #lines = { handshake: "", main: "", log: "" };
  #fields: string | undefined;

  constructor(options: Script["options"]) {
    this.#options = options;
  }

  /** The requests without a reply. */
  get unanswered(): number[] {
    return this.#requests.map(({ id }) => id);
  }

  /** The caller does something. */
  act(act: Act): void {
    if (act.type === "send") {
      const takesInput = act.command.input ?? false;
      this.#requests.push({ id: ++this.#made, takesInput, inputEnded: false });
    } else if (act.type === "end") this.#requests.at(-1)!.inputEnded = true;
  }

  /** The server sends no more. */
  end(): void {
    this.events.push({ type: "end", unanswered: this.unanswered });
    this.isOver = true;
  }

  /** The server sends a byte. */
  hear({ channel, byte }: Unit): void {
    if (channel === "main" && this.#requests.length === 0) this.isOver = true;
    if (this.isOver) return;
    if (byte !== "\n") {
      this.#lines[channel] += byte;
      return;
    }
    const line = this.#lines[channel];
    this.#lines[channel] = "";
    if (channel === "handshake") this.#greet(line);
    else if (channel === "log") this.#log(line);
    else if (this.#fields === undefined) this.#fields = line;
    else this.#reply(line, this.#fields);
  }

  #greet(line: string): void {
    const { maxMinor, password, starttls } = this.#options;
    if (line.startsWith("VERSION\t")) {
      this.#minor = Math.min(maxMinor, Number(line.split("\t")[3]));
    } else if (line === "+") {
      const preauthenticated = !this.#isAsked;
      this.events.push({ type: "ready", minor: this.#minor, preauthenticated });
    } else if (
      this.#isAsked || password === undefined || (starttls !== undefined && this.#minor < 2)
    ) {
      this.isOver = true;
    } else {
      this.#isAsked = true;
      if (starttls !== undefined) this.events.push({ type: "start-tls" });
    }
  }

  #log(line: string): void {
    const level = levels[line.charCodeAt(0) - 1];
    const message = utf8(level === undefined ? line : line.slice(1));
    this.events.push({
      type: "log",
      id: this.#requests[0]?.id,
      level: level ?? "warning",
      message,
    });
  }

  #reply(status: string, values: string): void {
    const { id, takesInput, inputEnded } = this.#requests.shift()!;
    const ok = status.startsWith("+");
    const [word, ...detail] = status.slice(1).split(" ");
    const rawFields = values.split("\t").map(unescape);
    // Each value ends in a TAB, but for the JSON text that "user" answers with.
    if (rawFields.at(-1) === "") rawFields.pop();
    this.events.push({
      type: "reply",
      id,
      ok,
      code: ok ? undefined : word,
      detail: detail.join(" "),
      rawFields,
      fields: rawFields.map(utf8),
    });
    this.#fields = undefined;
    // Where the server doesn't read a command's input as such, nothing more can be asked for.
    const isRefused = !ok && (word === "" || word === "USAGE");
    if (takesInput && (isRefused || !inputEnded)) this.end();
  }
}
