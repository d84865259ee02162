/**
 * Runs programs in the project's folder, with a time limit, and stops them when the tests are interrupted.
 *
 * @module
 */

import { dirname } from "node:path";
import { ROOT } from "./paths.ts";

/** How a program ended. */
export interface Ending {
  /** The error, as the rest of a sentence about the program; `undefined` for success. */
  readonly problem: string | undefined;
  /** Whether it was killed after the time limit. */
  readonly isLate: boolean;
  /** The CPU time of it and of all programs that it started and waited for, if that was asked for. */
  readonly cpu: CpuTime | undefined;
}

/** CPU time, in seconds. */
export interface CpuTime {
  /** In programs. */
  readonly user: number;
  /** In the kernel: starting processes, page faults, files, sockets. */
  readonly system: number;
}

/** Options for running a program. */
export interface RunOptions {
  /** The file for its output; the parent's output if left out. */
  readonly log?: string;
  /** Additional environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** The time limit, in milliseconds. */
  readonly timeout: number;
  /** Whether to measure its CPU time. */
  readonly isMeasured?: boolean;
}

/** How long a program has to end when asked to, in milliseconds. */
const GRACE = 5_000;

/**
 * Runs its arguments after the first, and writes bash's CPU time, and that of its children, to the file that the
 * first names. The job control keeps SIGINT from being ignored, as it is in the background otherwise.
 */
const MEASURE = `
set -m
file=$1
shift
"$@" &
trap 'kill -TERM $!' TERM
wait $!
status=$?
trap - TERM
while kill -0 $! 2>/dev/null; do wait $!; done
times >"$file"
exit $status
`;

const running = new Set<Deno.ChildProcess>();

/** Runs a program in the project's folder; never rejects because of the program. */
export async function run(
  program: string,
  args: readonly string[],
  { log, env = {}, timeout, isMeasured = false }: RunOptions,
): Promise<Ending> {
  const output = log === undefined ? "inherit" : "piped";
  const times = isMeasured ? await Deno.makeTempFile({ prefix: "dovewire-times-" }) : undefined;
  const command = [...(times === undefined ? [] : ["bash", "-c", MEASURE, "bash", times]), program];
  const child = new Deno.Command(command[0], {
    args: [...command.slice(1), ...args],
    ...{ cwd: ROOT, env, stdin: "null", stdout: output, stderr: output },
  }).spawn();
  running.add(child);
  const logging = log === undefined ? undefined : writeLog(child, log);
  let isLate = false;
  let killer: ReturnType<typeof setTimeout> | undefined;
  const timer = setTimeout(() => {
    isLate = true;
    // Asked first: Node then ends the processes of its test files.
    child.kill("SIGTERM");
    killer = setTimeout(() => child.kill("SIGKILL"), GRACE);
  }, timeout);
  const { success, code, signal } = await child.status;
  clearTimeout(timer);
  clearTimeout(killer);
  running.delete(child);
  // A program that it started and that still runs may hold the outputs open.
  await Promise.race([
    logging,
    new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, GRACE))),
  ]);
  const problem = isLate
    ? `took longer than ${timeout / 1000} s and was killed`
    : success
    ? undefined
    : `ended with ${signal ?? `exit status ${code}`}`;
  const cpu = times === undefined ? undefined : parseTimes(await Deno.readTextFile(times));
  if (times !== undefined) await Deno.remove(times);
  return { problem, isLate, cpu };
}

/** Reads what bash's `times` prints: the shell's own times, and on the second line its children's. */
export function parseTimes(text: string): CpuTime | undefined {
  const times = [...text.matchAll(/(\d+)m([\d.]+)s/g)].map(([, minutes, seconds]) =>
    60 * Number(minutes) + Number(seconds)
  );
  return times.length === 4
    ? { user: times[0] + times[2], system: times[1] + times[3] }
    : undefined;
}

/** Asks all running programs to end. */
export function endPrograms(): void {
  for (const child of running) child.kill("SIGTERM");
}

/** Writes both outputs of a program to one file, in the order of arrival. */
async function writeLog(child: Deno.ChildProcess, path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const copy = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) {
      for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
    }
  };
  await Promise.all([copy(child.stdout), copy(child.stderr)]);
}

/** Prints what a program wrote to a file. */
export async function show(log: string): Promise<void> {
  const text = await Deno.readFile(log).catch(() => new Uint8Array(0));
  await new Blob([text]).stream().pipeTo(Deno.stdout.writable, { preventClose: true });
}
