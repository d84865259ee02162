/**
 * The way of calls to a server.
 *
 * @module
 */

import type { StreamedField } from "./field_stream.ts";
import type { DoveadmRequest, DoveadmResult, FieldStreamOptions, SendOptions } from "./request.ts";
import type { Row, TypedCall } from "./typed_call.ts";
import type { UserSource } from "./user_requests.ts";

/** Runs calls: over connections, or over HTTP. */
export interface CallRunner {
  /** The other end, for messages. */
  readonly peer: string;
  /** Runs a command and returns the server's answer. */
  send(request: DoveadmRequest, options: SendOptions): Promise<DoveadmResult>;
  /** Runs a command and yields its values as they arrive. */
  stream(
    request: DoveadmRequest,
    options: FieldStreamOptions,
  ): AsyncGenerator<StreamedField, void, void>;
  /** Runs a call of one command and returns its rows. */
  runCall(call: TypedCall, options: SendOptions): Promise<Row[]>;
  /** Runs a call of one command and yields its rows as they arrive, those that arrive at once together. */
  rowsOfCall(call: TypedCall, options: SendOptions): AsyncGenerator<readonly Row[], void, void>;
  /** Runs several calls of one command each and returns the outcomes. */
  runCalls(
    calls: readonly TypedCall[],
    options: SendOptions,
  ): Promise<PromiseSettledResult<Row[]>[]>;
  /**
   * The way of a call for many users to the server; `isStream` says whether rows are taken as they arrive.
   */
  forUsers(call: TypedCall, isStream: boolean, options: SendOptions): Promise<UserSource>;
  /** Connects, and resolves when the server has accepted the password. */
  ready(options: SendOptions): Promise<void>;
  /** Resolves when the server has answered. */
  ping(options: SendOptions): Promise<void>;
  /** Closes all connections. */
  close(): Promise<void>;
}
