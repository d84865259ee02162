/**
 * First lines of input that a server might take for a command, and ways in which a real Dovecot
 * refuses a command.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { concat, encodeUtf8 } from "../../../core/mod.ts";
import { DoveadmClientProtocol } from "../../../core/doveadm/mod.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { RAW } from "../../harness/dovecot/wire.ts";

/** The bytes of a text of characters up to U+00FF. */
export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** What comes before the first TAB of a command line: flags, as they are and escaped, and others. */
const flags: readonly string[] = [
  ...["", "v", "D", "vD", "Dv", "vvv", "x", "vx", "xD", "a", " ", "-", "0"],
  ...["\x01", "\x01v", "\x01D", "v\x01", "\x01v\x01D", "D\x01v", "\x01\x01", "\x01\x01v", "\x01vD"],
  ...["\x010", "v\x010", "\x010v", "\x01t", "\x01n", "\x01r", "\x011", "v\x01t", "\x01x", "\x01a"],
  ...["v".repeat(64), "v".repeat(65), "\x01v".repeat(100), "D".repeat(5000)],
  ...["\0", "v\0", "\0v", "\xff", "\xc3\xa9", "\xe2\x80\x8b"],
];

/** What comes before that. */
const beginnings: readonly string[] = ["", ".", "\r\n", "\r", "\xef\xbb\xbf"];

/** Inputs whose first line, or another one close to it, would create a mailbox if it ran. */
export const firstLines: readonly string[] = [
  ...beginnings.flatMap((beginning) =>
    flags.map((flag) => {
      // The flag x announces a field of its own.
      const extra = flag.includes("x") ? "\tproxy-ttl=5" : "";
      return `${beginning}${flag}${extra}\talice\tmailbox create\tStolen\nx\n`;
    })
  ),
  ...["", ".", "..", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n.\n", ".\n", ".\r\n", "\r\n.\r\n"],
  ...["\t", "\t\t", "\t\tmailbox create", "\t\t\t", "\talice\tmailbox create\tStolen"],
  "\t\tOPTION\tlog-passthrough\n\talice\tmailbox create\tStolen\n",
  "\talice\tmailbox create\tStolen\r\n",
  "\talice\tmailbox create\tStolen\0\n",
  "\x01\talice\tmailbox\x01 create\tStolen\n",
  "v".repeat(300_000) + "\talice\tmailbox create\tStolen\n",
  "\talice\tmailbox create\tStolen-" + "x".repeat(1_200_000) + "\n",
  "x".repeat(1_100_000) + "\n\talice\tmailbox create\tStolen\n",
];

/** A command that a server refuses. */
export interface Refused {
  readonly user?: string;
  readonly name: string;
  readonly args?: readonly string[];
  /** What the reply ends with. */
  readonly reply: RegExp;
  /** Whether the server takes the command's input for commands. */
  readonly runsInput: boolean;
}

/** Ways in which servers of both versions refuse a command, or run one that reads no input. */
export const refusals: Readonly<Record<string, Refused>> = {
  "an unknown command": { name: "saved", reply: /^\n-\n/, runsInput: true },
  "an unknown option": { name: "save", args: ["--bogus"], reply: /^\n-USAGE\n/, runsInput: true },
  "a missing value": { name: "save", args: ["-m"], reply: /^\n-USAGE\n/, runsInput: true },
  "an argument too many": { name: "save", args: ["a", "b"], reply: /^\n-USAGE\n/, runsInput: true },
  "a file that isn't there": {
    ...{ name: "save", args: ["/nonexistent/mail"], reply: /^\n-TEMPFAIL\n/, runsInput: true },
  },
  "a command without input": { name: "mailbox list", reply: /^.*INBOX.*\n\+\n/, runsInput: true },
  "an unknown user": { user: "nobody", name: "save", reply: /^\n-NOUSER\n/, runsInput: false },
  "a mailbox that isn't there": {
    ...{ name: "save", args: ["-m", "Missing"], reply: /^\n-NOTFOUND\n/, runsInput: false },
  },
};

/** What a client sends that runs the command with each of the inputs, its handshake first. */
export function wireOf(
  { user = "alice", name, args }: Pick<Refused, "user" | "name" | "args">,
  ...inputs: readonly Uint8Array[]
): Uint8Array {
  const protocol = new DoveadmClientProtocol({ maxMinor: 0 });
  protocol.receive(encodeUtf8("+\n"));
  for (const input of inputs) {
    const id = protocol.send({ name, args, user, input: true });
    protocol.nextEvent();
    protocol.write(id, input);
    protocol.end(id);
  }
  const pieces: Uint8Array[] = [];
  for (let piece; (piece = protocol.takeOutput()) !== undefined;) pieces.push(piece);
  return concat(pieces);
}

/**
 * Sends bytes to a preauthenticated socket, each piece in a write of its own, and closes that end.
 * Resolves to what came back after the handshake, as bytes in a text, when the server closed.
 */
export function exchange(path: string, ...pieces: readonly Uint8Array[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.setTimeout(30_000, () => socket.destroy());
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (text) => received += text);
    // A server that closes on the first line leaves the rest unread.
    socket.on("error", () => {});
    socket.on("close", () => resolve(received.replace(/^\+\n/, "")));
    const write = ([piece, ...rest]: readonly Uint8Array[]): void => {
      if (rest.length === 0) socket.end(piece);
      else socket.write(piece, () => setTimeout(write, 1, rest));
    };
    write(pieces);
  });
}

/** Does the work for each item, some at a time. */
export async function forEach<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next; !(next = rest.next()).done;) await work(next.value);
  };
  await Promise.all(Array.from({ length: 6 }, worker));
}

/**
 * A server whose processes serve one connection after another, which is many times as fast; with more
 * settings, if there are any.
 */
export function startWithLastingProcesses(version: DovecotVersion, more = ""): Promise<Dovecot> {
  const settings = version === "2.3"
    ? "service_count = 100000\n  idle_kill = 1s"
    : "restart_request_count = 100000\n  idle_kill_interval = 1s";
  const service = `service doveadm {\n  ${settings}\n}\n`;
  return startDovecot({ version, extraConfig: `mail_fsync = never\n${service}${more}` });
}

/** The names of a user's mailboxes. */
export async function mailboxes({ socket }: Dovecot, user: string): Promise<readonly string[]> {
  const reply = await exchange(socket, encodeUtf8(`${RAW}\t${user}\tmailbox list\n`));
  return reply.slice(0, reply.lastIndexOf("\t\n+\n")).split("\t").sort();
}
