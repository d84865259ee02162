/**
 * Runs a call for many users: one command for each, several at a time.
 *
 * @module
 */

import { AbortError, TimeoutError } from "../../core/errors.ts";
import { abortError, Deadline, onAbort, timeLimit } from "../../transports/timers.ts";
import { CommandError } from "./command_error.ts";
import type { SendOptions } from "./request.ts";
import type { RunOptions } from "./run_options.ts";
import type { Row, Users } from "./typed_call.ts";
import { UserOutcomes } from "./user_outcomes.ts";
import {
  UserRequests,
  type UserRequestsOptions,
  type UserRowSink,
  type UserSource,
} from "./user_requests.ts";
import { CollectedRows, RowFlow } from "./user_rows.ts";

/** A call for many users. */
export interface UsersCall {
  /** The command's name. */
  readonly command: string;
  /** The users. */
  readonly users: Users;
  /** Lists the names of the users that match a mask. */
  readonly list: (mask: string, options: SendOptions) => Promise<readonly string[]>;
  /** Opens the way to the server. */
  readonly open: (options: SendOptions) => Promise<UserSource>;
}

/**
 * Runs a call for many users and returns all rows, in the order of the users. Rejects with a
 * `PartialFailure` if it failed for some of them.
 */
export async function runForUsers(call: UsersCall, options: RunOptions): Promise<Row[]> {
  const run = new UsersRun(call, options);
  try {
    const { names, source } = await run.begin();
    const rows = new CollectedRows(call.command, source.limits);
    const requests = run.start({ names, source, sink: rows, isGradual: false });
    requests.pump();
    await requests.done;
    const all = rows.take();
    requests.check(all);
    return all;
  } finally {
    run.stop();
  }
}

/**
 * Runs a call for many users and yields the rows as they arrive, or user after user. After the last one it
 * throws a `PartialFailure` if it failed for some users. Leaving the loop early aborts what is under way.
 */
export async function* rowsForUsers(
  call: UsersCall,
  options: RunOptions,
): AsyncGenerator<readonly Row[], void, void> {
  const run = new UsersRun(call, options);
  let requests: UserRequests | undefined;
  try {
    const { names, source } = await run.begin();
    const isOrdered = options.order === "users";
    const flow = new RowFlow({ isOrdered, onWait: () => requests?.pump() });
    requests = run.start({ names, source, sink: flow, isGradual: true });
    void requests.done.then(() => flow.finish());
    while (await run.whileTimeRuns(flow.wait())) {
      for (let row; (row = flow.next()) !== undefined;) yield [row];
    }
    requests.check([]);
  } finally {
    run.stop();
    requests?.abort(
      new AbortError(`The rows of "${call.command}" were not taken to their end.`, { sent: true }),
    );
    await requests?.done;
  }
}

/** A call for many users, its time limit and its signal. */
class UsersRun {
  readonly #call: UsersCall;
  readonly #options: RunOptions;
  readonly #deadline: Deadline;
  #requests: UserRequests | undefined;

  /** Starts the time. */
  constructor(call: UsersCall, options: RunOptions) {
    const { signal, timeout = Infinity } = options;
    this.#call = call;
    this.#options = options;
    this.#deadline = new Deadline({
      timeout: timeLimit("timeout", timeout),
      signals: [signal],
      errorOf: (aborted) => {
        const sent = this.#requests?.hasBegun ?? false;
        return aborted === undefined
          ? timeoutError(call.command, timeout, sent)
          : abortError(call.command, aborted, sent);
      },
      onEnd: (error) => {
        if (error instanceof TimeoutError) this.#requests?.expire(error);
        else this.#requests?.abort(error);
      },
    });
  }

  /** The names of the users, and the way to the server. */
  async begin(): Promise<{ names: readonly string[]; source: UserSource }> {
    if (this.#deadline.error !== undefined) throw this.#deadline.error;
    let forget = () => {};
    try {
      return await new Promise((resolve, reject) => {
        // Waiting for the caller's input would not end by itself.
        forget = onAbort(this.#deadline.signal, () => reject(this.#deadline.error));
        this.#open().then(resolve, reject);
      });
    } catch (error) {
      throw this.#deadline.error ?? this.#listingError(error);
    } finally {
      forget();
    }
  }

  async #open(): Promise<{ names: readonly string[]; source: UserSource }> {
    const { users, list, open } = this.#call;
    const options = this.#sendOptions(this.#deadline.signal);
    const names = "names" in users ? users.names : await list(users.mask, options);
    // Several user databases may list the same user.
    return { names: [...new Set(names)], source: await open(options) };
  }

  /** The requests, of which none is sent yet. */
  start(
    how: Pick<UserRequestsOptions, "names" | "source" | "isGradual"> & {
      readonly sink: UserRowSink;
    },
  ): UserRequests {
    const { command, users } = this.#call;
    const requests = this.#requests = new UserRequests({
      ...how,
      sendOptions: this.#sendOptions(undefined),
      outcomes: new UserOutcomes({
        command,
        isListed: "mask" in users,
        patience: how.source.width,
        onUserError: this.#options.onUserError,
      }),
    });
    // The signal may have aborted since.
    const { error } = this.#deadline;
    if (error !== undefined) requests.abort(error);
    return requests;
  }

  /** Waits for something; only meanwhile does the time run. */
  async whileTimeRuns<Result>(work: Promise<Result>): Promise<Result> {
    this.#deadline.resume();
    try {
      return await work;
    } finally {
      this.#deadline.pause();
    }
  }

  /** Stops the time and the signal. */
  stop(): void {
    this.#deadline.stop();
  }

  #sendOptions(signal: AbortSignal | undefined): SendOptions {
    return { ...this.#options, signal, timeout: this.#options.userTimeout };
  }

  /** The error for a list of users that the server can't give. */
  #listingError(error: unknown): unknown {
    if (!(error instanceof CommandError)) return error;
    return new CommandError(error.command, error.reply, error.log, {
      status: error.exitCode,
      note:
        `It lists the users for "${this.#call.command}", of which nothing was sent. Check Dovecot's user ` +
        'databases, or name the users in "userFile".',
    });
  }
}

function timeoutError(command: string, timeout: number, sent: boolean): TimeoutError {
  return new TimeoutError(
    "command",
    `"${command}" took more than ${timeout} ms for all users together. If it may take longer, raise ` +
      '"timeout".',
    { sent },
  );
}
