/**
 * IMAP: a client for commands that mail clients don't know, such commands themselves, as values, and a server
 * for them.
 *
 * @module
 */

export { ImapClient } from "./client.ts";
export { ImapCommandError } from "./client_errors.ts";
export type {
  ImapClientOptions,
  ImapCommandOptions,
  ImapConnectOptions,
  ImapResult,
  ImapTarget,
  LongResponse,
} from "./client_options.ts";
export type { RunningCommand } from "./command_runner.ts";
export type {
  CancelCommandsOptions,
  CloseImapOptions,
  ConnectionLimits,
} from "./connection_host.ts";
export {
  type ArgumentOf,
  type ArgumentsOf,
  bad,
  type CommandContext,
  type CommandHandler,
  type CommandOptions,
  type CommandOutput,
  continuation,
  defineCommand,
  type HandlerEnd,
  type ImapCommand,
  no,
  ok,
  type Sleep,
  sleep,
  type SleepOptions,
  untagged,
  type WatchCommand,
} from "./define_command.ts";
export { ImapServer, serve } from "./server.ts";
export type {
  AuthenticateImap,
  ImapClientInfo,
  ImapLogin,
  ServeImapOptions,
} from "./server_options.ts";
export {
  type ArgumentKind,
  type ArgumentShape,
  astringOf,
  atom,
  type ClientFields,
  type CommandDefinition,
  type CommandState,
  type Continuation,
  type ImapArgument,
  type ImapSession,
  type ImapString,
  imapString,
  type ImapUntagged,
  type ImapValue,
  isNil,
  type LoginMechanism,
  type ResponseCode,
  type ResponsePart,
  type TaggedResult,
} from "../core/imap/mod.ts";
