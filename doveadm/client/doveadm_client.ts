/**
 * Typed calls, over any protocol.
 *
 * @module
 */

import {
  type DoveadmCommandName,
  type DoveadmParameters,
  type DoveadmRow,
  findCommand,
  type GivenParameters,
} from "../../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../../core/errors.ts";
import type { CallRunner } from "./call_runner.ts";
import type { StreamedField } from "./field_stream.ts";
import { promised } from "./promised.ts";
import {
  checkRequest,
  checkSendOptions,
  type DoveadmRequest,
  type DoveadmResult,
  type FieldStreamOptions,
  type SendOptions,
} from "./request.ts";
import { BatchedRows } from "./row_batches.ts";
import { rowsOfCall, runCall, runCalls } from "./run_call.ts";
import { checkRunOptions, type RunOptions } from "./run_options.ts";
import { type Row, TypedCall } from "./typed_call.ts";
import { checkValueOptions, type ValueOptions } from "./values.ts";

/** The commands that can be called without parameters. */
export type BareCommandName = {
  [Name in DoveadmCommandName]: Record<never, never> extends DoveadmParameters<Name> ? Name : never;
}[DoveadmCommandName];

/** A call for {@linkcode DoveadmClient.runAll}: a command's name and its parameters. */
export type DoveadmCall = {
  [Name in DoveadmCommandName]:
    | readonly [name: Name, parameters: DoveadmParameters<Name>]
    | (Name extends BareCommandName ? readonly [name: Name] : never);
}[DoveadmCommandName];

/** The outcome of a call: its rows, or the error that {@linkcode DoveadmClient.run} rejects with. */
export type DoveadmOutcome<Call> = PromiseSettledResult<
  Call extends readonly [infer Name extends DoveadmCommandName, infer Parameters]
    ? DoveadmRow<Name, Parameters>[]
    : Call extends readonly [infer Name extends DoveadmCommandName]
      ? DoveadmRow<Name, Record<never, never>>[]
    : never
>;

/** A client for a doveadm server: `Doveadm` over UNIX sockets and TCP, `DoveadmHttp` over HTTP. */
export class DoveadmClient implements AsyncDisposable {
  /** The other end, for messages. */
  readonly peer: string;
  readonly #runner: CallRunner;
  readonly #timeZone: string | undefined;

  /**
   * Creates a client.
   *
   * @internal
   */
  protected constructor(runner: CallRunner, values: ValueOptions) {
    checkValueOptions(values);
    this.peer = runner.peer;
    this.#runner = runner;
    this.#timeZone = values.timeZone;
  }

  /**
   * Runs a command and returns the server's answer without using the catalogue: the fields as they come,
   * row after row. Over HTTP the catalogue has to name the arguments, so that it must have the command.
   *
   * Rejects with a `CommandError` if the command failed; with an `AuthenticationError` or a `ConnectError`
   * if connecting failed; with a `TimeoutError`, an `AbortError`, a `ConnectionLostError` or a
   * `RemoteProtocolError` if there was no answer; and with a `LocalProtocolError` for an invalid command.
   * Each has a `sent` flag: whether the command may have run.
   *
   * The protocol has no way to cancel a command: one that was aborted or timed out after it was sent may
   * still run, and its connection is closed. Other commands are not affected.
   */
  send(request: DoveadmRequest, options: SendOptions = {}): Promise<DoveadmResult> {
    return promised(() => {
      const call = checkedCall(request);
      checkSendOptions(options);
      return this.#runner.send(call, options);
    });
  }

  /**
   * Runs a command and yields its values as they arrive, read no faster than they are taken, so that an
   * answer of any size passes through in constant memory. It starts when the first value is requested, on
   * its own connection; leaving the loop early closes that.
   *
   * After the last value it throws what {@linkcode send} would reject with; for what isn't a request, or
   * options, it throws a `LocalProtocolError` at once. Dovecot disconnects a client that reads nothing for a
   * minute.
   *
   * @example A mail as it comes
   * ```ts ignore
   * import { connect } from "@dovewire/dovewire";
   *
   * await using doveadm = connect("doveadm+unix:///run/dovecot/doveadm-server");
   * const fetch = { name: "fetch", user: "alice", args: ["text", "mailbox", "INBOX", "uid", "1"] };
   * for await (const field of doveadm.stream(fetch)) {
   *   for await (const chunk of field) console.log(`${chunk.length} bytes`);
   * }
   * ```
   */
  stream(
    request: DoveadmRequest,
    options: FieldStreamOptions = {},
  ): AsyncGenerator<StreamedField, void, void> {
    const call = checkedCall(request);
    checkSendOptions(options);
    return this.#runner.stream(call, options);
  }

  /**
   * Runs a command with named parameters and returns its rows.
   *
   * Commands, parameters and columns have the names of Dovecot's HTTP API, whatever protocol the client
   * uses. Counts are numbers (bigint for 64-bit ones like "modseq"), dates are `Date`s, yes and no are
   * booleans, raw mail is a `Uint8Array`, and "-", which Dovecot prints for "no limit", is `null`. A
   * command without output returns no rows.
   *
   * Commands on mail take `user`. If that is a mask ("*", "*@example.org"), or with `allUsers` or
   * `userFile`, there may be several users, and rows have a column "username". Then the command runs once for
   * each user, for as many at a time as there are connections, and the rows come in the order of the users. If
   * it fails for some, it rejects with a `PartialFailure`, which has the others' rows and an error for each of
   * these; a user that the server listed and that is gone meanwhile is left out. {@linkcode RunOptions} has
   * options for such calls.
   *
   * Rejects with a `LocalProtocolError` for a command, a parameter or a field that the catalogue or the
   * server's version lacks, and with what {@linkcode send} rejects with.
   *
   * @example
   * ```ts
   * import { connect } from "@dovewire/dovewire";
   * import { startMailServer } from "@dovewire/dovewire/testing";
   *
   * await using server = await startMailServer({ users: { alice: { mailboxes: { INBOX: [] } } } });
   * await using doveadm = connect(server.url, { password: server.password });
   * const [inbox] = await doveadm.run("mailbox status", {
   *   user: "alice",
   *   field: ["messages", "vsize"],
   *   mailboxMask: ["INBOX"],
   * });
   * console.log(`${inbox.mailbox}: ${inbox.messages} messages, ${inbox.vsize} bytes`);
   * ```
   */
  run<Name extends DoveadmCommandName, const Given extends DoveadmParameters<Name>>(
    name: Name,
    parameters: GivenParameters<Name, Given>,
    options?: RunOptions,
  ): Promise<DoveadmRow<Name, Given>[]>;
  /** Runs a command that needs no parameters. */
  run<Name extends BareCommandName>(
    name: Name,
  ): Promise<DoveadmRow<Name, Record<never, never>>[]>;
  run(name: string, parameters: object = {}, options: RunOptions = {}): Promise<Row[]> {
    return promised(() => runCall(this.#runner, this.#call(name, parameters, options), options));
  }

  /**
   * Runs a command as {@linkcode run} does and yields its rows one by one as they arrive, read no faster
   * than they are taken. After the last row it throws what {@linkcode run} would reject with.
   *
   * With several users, rows of different users come mixed, unless `order` is "users"; and those of a user
   * may come before the command fails for that user.
   *
   * @example
   * ```ts
   * import { connect } from "@dovewire/dovewire";
   * import { startMailServer } from "@dovewire/dovewire/testing";
   *
   * await using server = await startMailServer({
   *   users: { alice: { mailboxes: { INBOX: ["Subject: Hello\n\nHello.\n"] } } },
   * });
   * await using doveadm = connect(server.url, { password: server.password });
   * const mails = { user: "alice", field: ["uid", "hdr.subject"], query: ["all"] } as const;
   * for await (const mail of doveadm.rows("fetch", mails)) {
   *   console.log(mail.uid, mail["hdr.subject"]);
   * }
   * ```
   */
  rows<Name extends DoveadmCommandName, const Given extends DoveadmParameters<Name>>(
    name: Name,
    parameters: GivenParameters<Name, Given>,
    options?: RunOptions,
  ): AsyncGenerator<DoveadmRow<Name, Given>, void, void>;
  /** Yields the rows of a command that needs no parameters. */
  rows<Name extends BareCommandName>(
    name: Name,
  ): AsyncGenerator<DoveadmRow<Name, Record<never, never>>, void, void>;
  rows(
    name: string,
    parameters: object = {},
    options: RunOptions = {},
  ): AsyncGenerator<Row, void, void> {
    return new BatchedRows(this.#batches(name, parameters, options));
  }

  async *#batches(
    name: string,
    parameters: object,
    options: RunOptions,
  ): AsyncGenerator<readonly Row[], void, void> {
    yield* rowsOfCall(this.#runner, this.#call(name, parameters, options), options);
  }

  /**
   * Runs several commands and returns the outcome of each, as `Promise.allSettled()` does. Over HTTP they
   * share requests, which saves most of their cost.
   *
   * Rejects with a `LocalProtocolError`, and runs none of them, for a command that the catalogue lacks.
   *
   * @example
   * ```ts
   * import { connect } from "@dovewire/dovewire";
   * import { startMailServer } from "@dovewire/dovewire/testing";
   *
   * await using server = await startMailServer({ users: { alice: {}, bob: {} } });
   * await using doveadm = connect(server.url, { password: server.password });
   * const [alice, bob] = await doveadm.runAll([
   *   ["quota get", { user: "alice" }],
   *   ["mailbox list", { user: "bob" }],
   * ]);
   * if (alice.status === "fulfilled") console.log(alice.value[0].value);
   * if (bob.status === "rejected") console.log(bob.reason);
   * ```
   */
  async runAll<const Calls extends readonly DoveadmCall[]>(
    calls: Calls,
    options: RunOptions = {},
  ): Promise<{ -readonly [Index in keyof Calls]: DoveadmOutcome<Calls[Index]> }> {
    const typed = Array.from(
      checkedCalls(calls),
      ([name, parameters = {}]) => this.#call(name, parameters, options),
    );
    const outcomes: unknown = await runCalls(this.#runner, typed, options);
    return outcomes as { -readonly [Index in keyof Calls]: DoveadmOutcome<Calls[Index]> };
  }

  /**
   * Connects and logs in, so that a wrong address or password shows before the first command. Resolves when
   * a connection is open; over HTTP, when the server has answered a `GET`.
   *
   * Rejects at once if that fails, and doesn't try again: with an `AuthenticationError`, a `ConnectError`, a
   * `TimeoutError`, an `AbortError`, a `ConnectionLostError` or a `RemoteProtocolError`.
   *
   * @example
   * ```ts
   * import { connect } from "@dovewire/dovewire";
   * import { startMailServer } from "@dovewire/dovewire/testing";
   * import assert from "node:assert/strict";
   *
   * await using server = await startMailServer({ users: { alice: {} } });
   * await using doveadm = connect(server.url, { password: "wrong" });
   * await assert.rejects(doveadm.ready(), { name: "AuthenticationError" });
   * ```
   */
  async ready(options: SendOptions = {}): Promise<void> {
    checkSendOptions(options);
    await this.#runner.ready(options);
  }

  /**
   * Checks that the server answers: it gets a command that no server has, and refuses it; over HTTP, a
   * `GET`. Rejects with what {@linkcode send} rejects with if there is no answer.
   *
   * Dovecot logs each such command as an error, "Client sent unknown command: dovewire ping": call this when
   * you want to know, and not every second.
   */
  async ping(options: SendOptions = {}): Promise<void> {
    checkSendOptions(options);
    await this.#runner.ping(options);
  }

  /** Closes all connections. Pending and later commands get a `ConnectionLostError`. */
  close(): Promise<void> {
    return this.#runner.close();
  }

  /** A call, checked. */
  #call(name: string, parameters: object, options: RunOptions): TypedCall {
    checkRunOptions(options);
    const { iterate } = options;
    return new TypedCall(name, parameters, { timeZone: this.#timeZone, iterate });
  }

  /** Closes all connections, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * A copy of a request, so that later changes by the caller reach no call that waits. Throws a `LocalProtocolError` for
 * what isn't a request, and for input of a command that takes none: the server would take it for the next commands and
 * end the connection, which others use.
 */
function checkedCall(request: DoveadmRequest): DoveadmRequest {
  checkRequest(request);
  const { name, user, args, verbosity, extraFields, input } = request;
  const info = input === undefined ? undefined : findCommand(name);
  if (info === undefined || info.input !== undefined) {
    return { name, user, args: args?.slice(), verbosity, extraFields: copyOf(extraFields), input };
  }
  throw new LocalProtocolError(`"${info.name}" takes no input. Leave "input" out.`);
}

/** A copy of extra fields, with the lists among them. */
function copyOf(extraFields: DoveadmRequest["extraFields"]): DoveadmRequest["extraFields"] {
  if (extraFields === undefined) return undefined;
  const copies = Object.entries(extraFields).map(([name, value]) =>
    [name, Array.isArray(value) ? value.slice() : value] as const
  );
  return Object.fromEntries(copies);
}

/** The calls, if they are pairs. */
function checkedCalls(calls: readonly DoveadmCall[]): readonly DoveadmCall[] {
  if (Array.isArray(calls) && Array.from(calls).every(Array.isArray)) return calls;
  throw new LocalProtocolError(
    'The calls are no list of pairs. Pass a list like [["quota get", { user: "alice" }]].',
  );
}
