/**
 * Runs a server's command, and prints its rows.
 *
 * @module
 */

import type { DoveadmRequest } from "@dovewire/dovewire";
import { AbortError, DovewireError, messageOf } from "@dovewire/dovewire/core";
import { everybody, type SweepContext, type SweepUsers } from "@dovewire/dovewire/sweep";
import type { Format } from "../command_line/options.ts";
import { jobsOf, timeOf } from "../command_line/numbers.ts";
import type { CommandLine, GivenOptions } from "../command_line/parse.ts";
import { UsageError } from "../command_line/usage_error.ts";
import { exitCodes } from "../output/exit_codes.ts";
import { createPrinter, type Output, type Printer } from "../output/printer.ts";
import type { ErrorContext, Reporter } from "../output/reporter.ts";
import { type OpenServer, openServer } from "../servers/open_server.ts";
import { chooseServers, type ChosenServer } from "../servers/server_choice.ts";
import { canBeReadAgain, streamedInput, wholeInput } from "./input.ts";
import { callFor, type Invocation, readInvocation, type VersionedCall } from "./invocation.ts";
import {
  type Column,
  columnsBefore,
  type Row,
  rowsOfFields,
  rowsOfValues,
  userColumn,
  withColumn,
} from "./rows.ts";
import { openProgress } from "./progress.ts";
import { isGone, type ManyUsers, namesInFile, resultsOfUsers } from "./users.ts";

/** What a command's run has to do with the outside. */
export interface Surroundings {
  /** Where rows go. */
  readonly output: Output;
  /** Where errors and log lines go. */
  readonly reporter: Reporter;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** How many users are asked at a time, if there is no other number. */
const usualJobs = 10;

/** Runs a command on all servers that the command line names; errors are reported. */
export async function runCommand(
  line: CommandLine & { readonly type: "command" },
  surroundings: Surroundings,
): Promise<void> {
  const { options, info, args } = line;
  const invocation = readInvocation(info, args, userOptionsOf(options));
  const servers = await chooseServers(options, invocation.socketPath);
  const format = options.get("format")?.at(-1) as Format | undefined;
  const printer = createPrinter(format, info.name, surroundings.output);
  const isForSeveral = servers.length > 1;
  if (isForSeveral && options.has("resume")) {
    throw new UsageError(
      `--resume notes the users of one server, and there are ${servers.length}. Ask each with a journal of its own.`,
    );
  }
  const run = new CommandRun(invocation, options, { ...surroundings, printer, isForSeveral });
  let columns: readonly Column[] | undefined;
  try {
    for (const server of servers) {
      columns = await run.on(server) ?? columns;
      if (surroundings.signal.aborted) break;
    }
  } finally {
    // JSON has to be complete, whatever happened.
    await printer.end(columns);
  }
}

function userOptionsOf(options: GivenOptions): Readonly<Record<string, string>> {
  const names = {
    user: "user",
    "all-users": "allUsers",
    "user-file": "userFile",
    "socket-path": "socketPath",
  };
  return Object.fromEntries(
    Object.entries(names).flatMap(([option, parameter]) => {
      const value = options.get(option)?.at(-1);
      return value === undefined ? [] : [[parameter, option === "all-users" ? "*" : value]];
    }),
  );
}

/** The column with a server's name, if there are several. */
const serverColumn: Column = { key: "server", isNumber: false };

/** Where a command runs, and what it has to do with the outside. */
interface RunSurroundings extends Surroundings {
  readonly printer: Printer;
  /** Whether there are several servers. */
  readonly isForSeveral: boolean;
}

/** One command, on one server after the other. */
class CommandRun {
  readonly #invocation: Invocation;
  readonly #options: GivenOptions;
  readonly #to: RunSurroundings;
  readonly #jobs: number;
  /** What can be read only once, for all servers. */
  #input: Promise<Uint8Array> | undefined;
  #names: Promise<readonly string[]> | undefined;

  constructor(invocation: Invocation, options: GivenOptions, to: RunSurroundings) {
    this.#invocation = invocation;
    this.#options = options;
    this.#to = to;
    this.#jobs = jobsOf(options) ?? usualJobs;
  }

  /** Runs it on a server; resolves to the columns of its rows, as far as they are known. */
  async on(chosen: ChosenServer): Promise<readonly Column[] | undefined> {
    const { reporter, signal, isForSeveral } = this.#to;
    const { name: command } = this.#invocation.info;
    const context = { command, ...(isForSeveral ? { server: chosen.name } : {}) };
    let server: OpenServer | undefined;
    try {
      server = await openServer(chosen, {
        ...{ timeout: timeOf(this.#options, "time-limit"), maxConnections: this.#jobs, signal },
        onLog: (log, name) => reporter.log(log, name),
      });
      return await this.#onOpen(server, context);
    } catch (error) {
      reporter.error(error, context);
      this.#reportInterruption(error);
      return undefined;
    } finally {
      await server?.close();
    }
  }

  async #onOpen(
    server: OpenServer,
    context: ErrorContext,
  ): Promise<readonly Column[] | undefined> {
    const { info, args, users } = this.#invocation;
    const call = callFor(info, args, server.version);
    const { printer, isForSeveral } = this.#to;
    const print = async (row: Row) =>
      await printer.row(isForSeveral ? withColumn(serverColumn, server.name, row) : row);
    const isForMany = users.type === "mask" || users.type === "file";
    if (isForMany) await this.#forUsers(users, { server, call, print, context });
    else await this.#forOne(users.type === "one" ? users.user : undefined, { server, call, print });
    const columns = columnsBefore(info, call);
    return columns &&
      [...(isForSeveral ? [serverColumn] : []), ...(isForMany ? [userColumn] : []), ...columns];
  }

  async #forOne(
    user: string | undefined,
    { server, call, print }: Asked,
  ): Promise<void> {
    const { info, inputFile } = this.#invocation;
    const request = this.#request(server, call, user);
    // Whatever was aborted may wait for the input.
    if (inputFile !== undefined) request.input = await this.#inputForOne(inputFile);
    const { signal } = this.#to;
    const fields = server.client.stream(request, { signal });
    try {
      for await (const row of rowsOfFields(info, call, fields)) await print(row);
    } catch (error) {
      const hasFailedInput = error instanceof AbortError && !signal.aborted;
      if (!hasFailedInput) throw error;
      // It wasn't somebody who aborted it.
      throw new UsageError(`${error.message} ${messageOf(error.cause)}`, {
        ...{ cause: error, exitCode: exitCodes.temporary },
      });
    }
  }

  async #forUsers(
    users: ManyUsers,
    { server, call, print, context }: Asked & { readonly context: ErrorContext },
  ): Promise<void> {
    const { reporter, signal } = this.#to;
    const journal = this.#options.get("resume")?.at(-1);
    const names = await this.#namesOf(users, server);
    const progress = await openProgress(this.#to.output.isTerminal);
    let [asked, done, failed, unsure, skipped] = [0, 0, 0, 0, 0];
    const ask = (user: string, context: SweepContext) =>
      this.#askFor(user, { server, call }, context);
    const results = resultsOfUsers(names, ask, {
      ...{ jobs: this.#jobs, idempotent: !this.#invocation.info.changes, journal, signal },
      onProgress: (state) => {
        ({ skipped } = state);
        progress?.show(state);
      },
    });
    try {
      for await (const result of results) {
        asked++;
        if (result.ok) {
          done++;
          for (const row of result.value) await print(withColumn(userColumn, result.user, row));
          // The journal has the user as done from the next one on.
          if (journal !== undefined) await this.#flush();
        } else if (users.type !== "mask" || !isGone(result.error)) {
          failed++;
          if (result.sent && result.error instanceof AbortError) unsure++;
          else {
            progress?.clear();
            reporter.error(result.error, { ...context, user: result.user });
          }
        }
      }
    } catch (error) {
      progress?.close();
      if (!(error instanceof AbortError)) throw error;
      const rest =
        `${done} users are done; of those that were under way, the command may have run for ${unsure}.`;
      const hint = journal === undefined ? "" : " The same command line goes on where it stopped.";
      reporter.error(new AbortError(`Interrupted: ${rest}${hint}`, { sent: unsure > 0 }), context);
      return;
    }
    progress?.close();
    if (journal !== undefined && skipped > 0 && asked === 0) {
      reporter.note(
        `Nobody was asked: ${journal} has all ${skipped} users as done. Remove it to begin anew.`,
      );
    }
    if (failed > 0 && done + failed > 1) {
      reporter.note(
        `"${this.#invocation.info.name}" failed for ${failed} of ${done + failed} users.`,
      );
    }
  }

  /** The input for a server, of one user: it passes through memory only if another server needs it, too. */
  async #inputForOne(path: string): Promise<AsyncIterable<Uint8Array> | Uint8Array> {
    const isKept = this.#to.isForSeveral && !await canBeReadAgain(path);
    return await (isKept ? this.#wholeInput(path) : streamedInput(path));
  }

  #wholeInput(path: string): Promise<Uint8Array> {
    return this.#input ??= wholeInput(path, this.#to.signal);
  }

  /** The names of several users; those in a file are the same for all servers. */
  async #namesOf(users: ManyUsers, { client }: OpenServer): Promise<SweepUsers> {
    return users.type === "mask"
      ? everybody(client, users)
      : await (this.#names ??= namesInFile(users.path, this.#to.signal));
  }

  /** Prints all that is known. */
  async #flush(): Promise<void> {
    await this.#to.printer.flush?.();
    await this.#to.output.flush();
  }

  async #askFor(
    user: string,
    { server, call }: Pick<Asked, "server" | "call">,
    { signal, idempotent }: SweepContext,
  ): Promise<readonly Row[]> {
    const { info, inputFile } = this.#invocation;
    const request = this.#request(server, call, user);
    if (inputFile !== undefined) request.input = await this.#wholeInput(inputFile);
    const { rawFields } = await server.client.send(request, { signal, idempotent });
    return rowsOfValues(info, call, rawFields);
  }

  #request(server: OpenServer, call: VersionedCall, user: string | undefined): DoveadmRequest {
    const { name } = this.#invocation.info;
    const verbosity = this.#options.has("debug")
      ? "debug"
      : this.#options.has("verbose")
      ? "verbose"
      : undefined;
    return {
      ...{ name, args: call.args },
      ...(user === undefined ? {} : { user }),
      // HTTP has no log.
      ...(verbosity === undefined || server.isHttp ? {} : { verbosity }),
    };
  }

  /** Says what may have run. */
  #reportInterruption(error: unknown): void {
    if (!this.#to.signal.aborted || !(error instanceof DovewireError)) return;
    const { info } = this.#invocation;
    this.#to.reporter.note(
      error.sent
        ? `Interrupted: "${info.name}" was sent, so that it may still run.`
        : `Interrupted: "${info.name}" was not sent.`,
    );
  }
}

/** A command at a server, and where its rows go. */
interface Asked {
  readonly server: OpenServer;
  readonly call: VersionedCall;
  readonly print: (row: Row) => Promise<void>;
}
