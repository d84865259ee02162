/**
 * Typed rows from a command's JSON answer over HTTP.
 *
 * @module
 */

import { RemoteProtocolError } from "../../core/mod.ts";
import type { DovecotVersion, ReplyColumn } from "../../core/doveadm/catalogue/mod.ts";
import {
  readName,
  type Row,
  rowsOfUsers,
  type TypedCall,
  userColumn,
  withUser,
} from "../client/typed_call.ts";
import { ListRoom } from "../client/values.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import type { HttpEvent } from "./exchange.ts";

/** Options for {@linkcode JsonRows}. */
export interface JsonRowsOptions {
  /** The version of Dovecot. */
  readonly version: DovecotVersion;
  /** Whose errors are told. */
  readonly endpoint: HttpEndpoint;
  /** How many items the lists in all rows may have, or those in each row if they are streamed. */
  readonly values: number;
  /** Whether rows are given one by one. */
  readonly isStream: boolean;
}

/** Reads the rows of one call. */
export class JsonRows {
  readonly #call: TypedCall;
  readonly #columns: readonly ReplyColumn[];
  readonly #endpoint: HttpEndpoint;
  readonly #room: ListRoom;
  readonly #isStream: boolean;
  /** Whether there are columns that some servers lack. */
  readonly #hasOptional: boolean;
  /** Whether rows may include the name of their user. */
  readonly #hasUsers: boolean;

  /** Creates a reader for answers to a call. */
  constructor(call: TypedCall, { version, endpoint, values, isStream }: JsonRowsOptions) {
    this.#call = call;
    this.#columns = call.columnsFor(version);
    this.#endpoint = endpoint;
    this.#room = new ListRoom(values);
    this.#isStream = isStream;
    this.#hasOptional = this.#columns.some(({ optional }) => optional);
    this.#hasUsers = call.users !== undefined;
  }

  /** The rows in an event. Throws a `RemoteProtocolError` for invalid values. */
  rowsOf(event: HttpEvent & { type: "row" | "end" }): Row[] {
    try {
      if (event.type === "row") return [this.#rowOf(event.row)];
      return event.value === undefined ? [] : this.#rowsOfValue(event.value);
    } catch (error) {
      if (!(error instanceof RemoteProtocolError)) throw error;
      // The message may quote a value of any length.
      throw new RemoteProtocolError(this.#endpoint.shorten(error.message), {
        ...{ limit: error.limit, sent: error.sent },
      });
    }
  }

  #rowOf(object: Readonly<Record<string, unknown>>): Row {
    const columns = this.#hasOptional
      ? this.#columns.filter(({ optional, key }) => !optional || Object.hasOwn(object, key))
      : this.#columns;
    if (this.#isStream) this.#room.clear();
    const values = columns.map(({ key }) => this.#valueOf(object, key));
    const row = this.#call.rowOf(columns, values, this.#room);
    if (!this.#hasUsers || !Object.hasOwn(object, userColumn)) return row;
    return withUser(readName(this.#valueOf(object, userColumn)), row);
  }

  #valueOf(
    object: Readonly<Record<string, unknown>>,
    column: string,
  ): string | number | boolean | null {
    // Dovecot's API has keys in lower case, in whatever case a field was requested.
    const key = Object.hasOwn(object, column) ? column : column.toLowerCase();
    const value = Object.hasOwn(object, key) ? object[key] : undefined;
    switch (typeof value) {
      case "string":
      case "number":
      case "boolean":
        return value;
      case "undefined":
        throw this.#error(
          `A row of "${this.#call.info.name}" came without "${column}". It may be another command on ` +
            "this server.",
        );
      default:
        if (value === null) return null;
        throw this.#error(
          `A row of "${this.#call.info.name}" has ${
            Array.isArray(value) ? "a list" : "an object"
          } where "${column}" should have one value. Get it with call(), which takes it as it comes.`,
        );
    }
  }

  #rowsOfValue(value: unknown): Row[] {
    if (this.#call.info.answer === "json") return rowsOfUsers(value);
    throw this.#error(
      `"${this.#call.info.name}" was answered with JSON that is not a list of rows.`,
    );
  }

  #error(message: string): RemoteProtocolError {
    return new RemoteProtocolError(message, { sent: true });
  }
}
