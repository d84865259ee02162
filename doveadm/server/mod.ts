/**
 * A doveadm server: it listens for clients and answers their commands with a function.
 *
 * @module
 */

export { CommandFailure, type CommandFailureOptions } from "./command_failure.ts";
export { type HttpHandler, httpHandler } from "./http/http_handler.ts";
export {
  nodeListener,
  type NodeRequest,
  type NodeResponse,
} from "../../transports/http/node_listener.ts";
export type { HttpCommandInfo } from "./http/offered_commands.ts";
export type { HttpHandlerOptions, HttpServerLimits } from "./http/options.ts";
export type { Authenticate } from "./login.ts";
export { type Policy, policy, type PolicyRequest, type PolicyRule } from "./policy.ts";
export {
  type CloseOptions,
  DoveadmServer,
  serve,
  type ServeOptions,
  type ServePlace,
  type ServeSettings,
} from "./serve.ts";
export type {
  DoveadmHandler,
  DoveadmPeer,
  ReplyField,
  ServerRequest,
  TextReply,
} from "./handler.ts";
export {
  type DoveadmCommand,
  type DoveadmServerLimits,
  type LogLevel,
  takesInput,
} from "../../core/doveadm/mod.ts";
export type {
  DovecotVersion,
  ParameterType,
  ParameterValue,
  ParameterValues,
} from "../../core/doveadm/catalogue/mod.ts";
export {
  DovewireError,
  type DovewireErrorOptions,
  LocalProtocolError,
  sameSecret,
} from "../../core/mod.ts";
export {
  type Address,
  type Listener,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "../../transports/transport.ts";
