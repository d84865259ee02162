/**
 * Extractors for the tests of their client: in memory, and as small programs.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import type { DovewireError, Transport } from "../../../extractor/client/extractor.ts";
import { type ExtractorServerEvent, ExtractorServerProtocol } from "../../../core/extractor/mod.ts";
import { encodeResponse, type ExtractorMethod } from "../../../extractor/messages/methods.ts";
import { Driver } from "../../../transports/driver.ts";
import { memoryPair, type MemoryPairOptions } from "../../../transports/memory.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { until } from "../../harness/until.ts";

/** A fake's answer: a message, or "exit" to end. */
export type Answer = Uint8Array | "exit";

/** An extractor in memory with answers from a function. */
export class FakeExtractor {
  /** The methods of all requests. */
  readonly asked: string[] = [];
  /** How many conversations it has had. */
  conversations = 0;
  #answer: (method: ExtractorMethod, number: number) => Answer | Promise<Answer>;
  #options: MemoryPairOptions;

  /** Creates one; `answer` gets the method and the number of earlier requests. */
  constructor(
    answer: (method: ExtractorMethod, number: number) => Answer | Promise<Answer>,
    options: MemoryPairOptions = {},
  ) {
    this.#answer = answer;
    this.#options = options;
  }

  /** Opens a transport to it. */
  readonly open = (): Promise<Transport> => {
    const [here, there] = memoryPair(this.#options);
    this.conversations++;
    const protocol = new ExtractorServerProtocol();
    const driver = new Driver<ExtractorServerEvent>(protocol, there, {
      onEvent: (event) => {
        if (event.type !== "request") return;
        const number = this.asked.push(event.method) - 1;
        void (async () => {
          const answer = await this.#answer(event.method as ExtractorMethod, number);
          if (answer === "exit") protocol.exit(3);
          else protocol.respond(event.id, answer);
          await driver.flush();
        })();
      },
      lingerTimeout: 100,
    });
    driver.run().catch(() => {});
    return Promise.resolve(here);
  };
}

/** The answer to "count". */
export function counted(count: number): Uint8Array {
  return encodeResponse("count", { count: BigInt(count) });
}

/** A promise, and the function that resolves it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** The error that a promise rejects with, which must be of a class. */
export async function errorOf<Kind extends DovewireError>(
  answer: Promise<unknown>,
  // deno-lint-ignore no-explicit-any
  kind: new (...args: any[]) => Kind,
): Promise<Kind> {
  const error = await answer.then(() => assert.fail("it was answered"), (error) => error);
  assert(error instanceof kind, String(error?.stack ?? error));
  return error;
}

/** Calls a function; fails if it leaves a socket, a pipe, a timer or a process. */
export async function leavingNoProcess(act: () => Promise<void>): Promise<void> {
  const before = { pipes: openPipes(), children: children() };
  await leavingNothing(act);
  await until(() => openPipes() <= before.pipes);
  await until(() => children().every((pid) => before.children.includes(pid)));
}

function openPipes(): number {
  return readdirSync("/proc/self/fd").filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith("pipe:");
    } catch {
      // It was closed after the folder was read.
      return false;
    }
  }).length;
}

/** The children of this process, zombies included. */
function children(): string[] {
  return readdirSync("/proc/self/task").flatMap((task) => {
    try {
      return readFileSync(`/proc/${process.pid}/task/${task}/children`, "utf8").trim().split(" ");
    } catch {
      return [];
    }
  }).filter((pid) => pid !== "");
}

/** What the small programs share: reading and writing frames. */
const prelude = `
use strict; use warnings; binmode STDIN; binmode STDOUT; $| = 1;
sub take { my ($size) = @_; my $bytes = '';
  while (length $bytes < $size) {
    my $read = sysread(STDIN, $bytes, $size - length $bytes, length $bytes);
    return undef unless $read;
  } return $bytes; }
sub frame { my $size = take(4); return undef unless defined $size; return take(unpack 'N', $size); }
sub request { my $method = frame(); return unless defined $method; return ($method, frame()); }
sub put { my ($bytes) = @_;
  while (length $bytes) { my $size = syswrite(STDOUT, $bytes); exit 0 unless $size; substr($bytes, 0, $size) = ''; } }
sub answer { my ($message) = @_; put(pack('N', length $message) . $message); }
sub counted { my ($count) = @_; return $count == 0 ? '' : "\\x08" . chr($count); }
`;

/** The command of a small program in Perl; the extractor's arguments are in `@ARGV`. */
export function perl(program: string): string[] {
  // Without "--" Perl would read arguments with a hyphen as its own options.
  return ["perl", "-e", prelude + program, "--"];
}

/** Arguments of a program that ignores them, and that may take its time to start. */
export const nowhere = {
  ...{ maildir: "/nowhere", systemUser: "nobody", mailUser: "joe" },
  connectTimeout: 0,
} as const;
