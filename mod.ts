/**
 * Administer Dovecot from TypeScript: a client for its doveadm protocol, on Deno, Node and Bun.
 *
 * @module
 */

export { DoveadmConnection } from "./doveadm/client/connection.ts";
export type {
  DoveadmConnectionOptions,
  StreamOptions,
} from "./doveadm/client/connection_options.ts";
export { connect, type DoveadmHttpUrl, type DoveadmUrl } from "./doveadm/client/connect.ts";
export { Doveadm } from "./doveadm/client/doveadm.ts";
export type { DoveadmOptions } from "./doveadm/client/doveadm_options.ts";
export {
  type BareCommandName,
  type DoveadmCall,
  DoveadmClient,
  type DoveadmOutcome,
} from "./doveadm/client/doveadm_client.ts";
export { type ClusterStats, DoveadmCluster } from "./doveadm/client/cluster/doveadm_cluster.ts";
export type {
  ClusterAnswer,
  ClusterTarget,
  DoveadmClusterOptions,
  RouteFunction,
  RouteOptions,
} from "./doveadm/client/cluster/cluster_options.ts";
export {
  CommandError,
  type CommandErrorReason,
  type Referral,
} from "./doveadm/client/command_error.ts";
export type {
  ClosedEvent,
  CloseReason,
  ClusterCallEvent,
  ClusterEvent,
  EndedEvent,
  FailedOverEvent,
  OneMailCommandEvent,
  OpenedEvent,
  OpenFailedEvent,
  PoolCallEvent,
  PoolConnectionEvent,
  PoolEvent,
  PoolEventBase,
  QueuedEvent,
  ReferredEvent,
  RetriedEvent,
  RetryReason,
  RoutedEvent,
  StartedEvent,
} from "./doveadm/client/pool/pool_event.ts";
export type { PoolOptions } from "./doveadm/client/pool/pool_options.ts";
export type { PoolCounts, PoolStats, PoolTotals } from "./doveadm/client/pool/pool_stats.ts";
export type { ConnectionKind } from "./core/doveadm/catalogue/mod.ts";
export {
  AbortError,
  ConnectError,
  ConnectionLostError,
  QueueFullError,
  TimeoutError,
  type TimeoutPhase,
} from "./core/errors.ts";
export type { StreamedField } from "./doveadm/client/field_stream.ts";
export { PartialFailure, type PartialOutcome } from "./doveadm/client/partial_failure.ts";
export type { RunOptions, UserErrorDecision } from "./doveadm/client/run_options.ts";
export { DoveadmHttp } from "./doveadm/http/doveadm_http.ts";
export {
  DoveadmHttpCluster,
  type DoveadmHttpClusterOptions,
} from "./doveadm/http/doveadm_http_cluster.ts";
export type { DoveadmHttpOptions } from "./doveadm/http/doveadm_http_options.ts";
export type { HttpLimits } from "./doveadm/http/limits.ts";
export type { HttpMethod, HttpMethodParameter } from "./doveadm/http/command_list.ts";
export type { HttpValue } from "./doveadm/http/request_body.ts";
export type { Input } from "./doveadm/client/input.ts";
export type {
  DoveadmAnswer,
  DoveadmLog,
  DoveadmRequest,
  DoveadmResult,
  FieldStreamOptions,
  SendOptions,
} from "./doveadm/client/request.ts";
export {
  type DoveadmTarget,
  type ResolvedTarget,
  resolveTarget,
  type Security,
} from "./doveadm/client/target.ts";
export type { Value, ValueOptions } from "./doveadm/client/values.ts";
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
  query,
  QueryError,
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
