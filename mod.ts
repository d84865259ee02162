/**
 * Administer Dovecot from TypeScript: a client for its doveadm protocol, on Deno, Node and Bun.
 *
 * @module
 */

export { DoveadmConnection, type DoveadmConnectionOptions } from "./client/connection.ts";
export { connect } from "./client/connect.ts";
export { Doveadm, type DoveadmOptions } from "./client/doveadm.ts";
export {
  type BareCommandName,
  type DoveadmCall,
  DoveadmClient,
  type DoveadmOutcome,
} from "./client/doveadm_client.ts";
export {
  AbortError,
  CommandError,
  ConnectError,
  ConnectionLostError,
  TimeoutError,
  type TimeoutPhase,
} from "./client/errors.ts";
export type { StreamedField } from "./client/field_stream.ts";
export { DoveadmHttp, type DoveadmHttpOptions } from "./client/http.ts";
export type { HttpLimits, HttpMethod, HttpValue } from "./client/http_exchange.ts";
export type { Input } from "./client/input.ts";
export type {
  DoveadmAnswer,
  DoveadmLog,
  DoveadmRequest,
  DoveadmResult,
  SendOptions,
} from "./client/request.ts";
export type { DoveadmTarget } from "./client/target.ts";
export type { ValueOptions } from "./client/values.ts";
export {
  AuthenticationError,
  DovewireError,
  type DovewireErrorOptions,
  LocalProtocolError,
  RemoteProtocolError,
  type RemoteProtocolErrorOptions,
} from "./core/mod.ts";
export {
  type DoveadmClientLimits,
  type DoveadmClientProtocolOptions,
  type DoveadmCommand,
  type DoveadmFailure,
  type DoveadmReply,
  type DoveadmReplyBase,
  type DoveadmSuccess,
  exitCode,
  type LogLevel,
  type LogLine,
} from "./core/doveadm/mod.ts";
export {
  type Address,
  type ConnectOptions,
  type Connector,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transports/transport.ts";
