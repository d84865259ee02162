/**
 * The way of calls to a server.
 *
 * @module
 */

import type { StreamedField } from "./field_stream.ts";
import type { DoveadmRequest, DoveadmResult, SendOptions } from "./request.ts";
import type { Row, TypedCall } from "./typed_call.ts";

/** Runs calls: over connections, or over HTTP. */
export interface CallRunner {
  /** The other end, for messages. */
  readonly peer: string;
  /** Runs a command and returns the server's answer. */
  send(request: DoveadmRequest, options: SendOptions): Promise<DoveadmResult>;
  /** Runs a command and yields its values as they arrive. */
  stream(
    request: DoveadmRequest,
    options: SendOptions,
  ): AsyncGenerator<StreamedField, void, void>;
  /** Runs a call and returns its rows. */
  runCall(call: TypedCall, options: SendOptions): Promise<Row[]>;
  /** Runs a call and yields its rows as they arrive. */
  rowsOfCall(call: TypedCall, options: SendOptions): AsyncGenerator<Row, void, void>;
  /** Runs several calls and returns the outcome of each. */
  runCalls(
    calls: readonly TypedCall[],
    options: SendOptions,
  ): Promise<PromiseSettledResult<Row[]>[]>;
  /** Closes all connections. */
  close(): Promise<void>;
}
