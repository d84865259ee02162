/**
 * Calls by the names of parameters over doveadm's own protocol.
 *
 * @module
 */

import { type DovecotVersion, versionOf } from "../../core/doveadm/catalogue/mod.ts";
import { CommandError } from "./command_error.ts";
import type { StreamedField } from "./field_stream.ts";
import type { Input } from "./input.ts";
import type { DoveadmRequest, DoveadmResult, SendOptions } from "./request.ts";
import { type Row, RowReader, TypedCall, type Users, withUser } from "./typed_call.ts";

/** A request; what it says may depend on the minor version that the connection speaks. */
export interface Requested {
  /** The command's name. */
  readonly name: string;
  /** The command's input. */
  readonly input?: Input;
  /** The request itself; throws a `LocalProtocolError` where it can't be made for that version. */
  at(minor: number): DoveadmRequest;
}

/** What sends requests. */
export interface Sender {
  /** Gives what the server answered; rejects with a `CommandError` where the command failed. */
  send(requested: Requested, options: SendOptions): Promise<DoveadmResult>;
  /** Gives the values as they arrive. */
  stream(requested: Requested, options: SendOptions): AsyncGenerator<StreamedField, void, void>;
}

/** Runs calls, for each of their users if they are many. */
export class SocketCalls {
  #sender: Sender;

  /** Makes one. */
  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** Runs a call and gives all of its rows. */
  async run(call: TypedCall, options: SendOptions): Promise<Row[]> {
    if (call.users === undefined) return await this.#runFor(call.user, call, options);
    const rows: Row[] = [];
    const found = this.#rowsOfUsers(call, options, (user) => this.#runFor(user, call, options));
    for await (const row of found) rows.push(row);
    return rows;
  }

  /** Runs a call and gives its rows as they arrive, user behind user if they are many. */
  rows(call: TypedCall, options: SendOptions): AsyncGenerator<Row, void, void> {
    return call.users === undefined
      ? this.#rowsFor(call.user, call, options)
      : this.#rowsOfUsers(call, options, (user) => this.#rowsFor(user, call, options));
  }

  async #runFor(
    user: string | undefined,
    call: TypedCall,
    options: SendOptions,
  ): Promise<Row[]> {
    const request = new CallRequest(call, user);
    const { rawFields } = await this.#sender.send(request, options);
    return call.rowsOf(rawFields, request.version);
  }

  async *#rowsFor(
    user: string | undefined,
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<Row, void, void> {
    const request = new CallRequest(call, user);
    let reader: RowReader | undefined;
    for await (const field of this.#sender.stream(request, options)) {
      const value = await field.bytes();
      reader ??= new RowReader(call, request.version);
      yield* reader.push(value);
    }
    if (reader !== undefined) yield* reader.end();
  }

  /**
   * The rows of many users, each with its user's name. The servers of 2.3 leave it to the client to
   * find the users. As Dovecot does it, one that went meanwhile is left out, and another failure is
   * thrown when all have had their turn.
   */
  async *#rowsOfUsers(
    call: TypedCall,
    options: SendOptions,
    rowsFor: (user: string) => AsyncGenerator<Row> | Promise<Row[]>,
  ): AsyncGenerator<Row, void, void> {
    let failure: CommandError | undefined;
    for (const user of await this.#namesOf(call.users!, options)) {
      try {
        for await (const row of await rowsFor(user)) yield withUser(user, row);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        if (error.code !== "NOUSER") failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  async #namesOf(users: Users, options: SendOptions): Promise<readonly string[]> {
    if ("names" in users) return users.names;
    const call = new TypedCall("user", { userMask: [users.mask] });
    const rows = await this.#runFor(undefined, call, options);
    return rows.map(({ username }) => String(username));
  }
}

/** A call's request, and the version that it was made for. */
class CallRequest implements Requested {
  readonly name: string;
  readonly input: Input | undefined;
  readonly #call: TypedCall;
  readonly #user: string | undefined;
  #version: DovecotVersion | undefined;

  constructor(call: TypedCall, user: string | undefined) {
    this.name = call.info.name;
    this.input = call.input;
    this.#call = call;
    this.#user = user;
  }

  /** Known once the request was made. */
  get version(): DovecotVersion {
    return this.#version!;
  }

  at(minor: number): DoveadmRequest {
    const version = this.#version = versionOf(minor);
    const { name, input } = this;
    return { name, user: this.#user, args: this.#call.argumentsFor(version), input };
  }
}
