/**
 * A relay in front of an IMAP server, with custom commands of one's own.
 *
 * @module
 */

export { type RelayClientInfo, trustedFields } from "./client_info.ts";
export { RelayConnection, type RelayConnectionContext } from "./connection.ts";
export type { AcceptedLogin, RelayConnectionOptions } from "./options.ts";
export type { RunningCommand } from "../command_runner.ts";
export type {
  CancelCommandsOptions,
  CloseImapOptions,
  ConnectionLimits,
} from "../connection_host.ts";
export type { MovedRelay } from "./moved_relay.ts";
export { ImapRelay, serveRelay, type ServeRelayOptions } from "./serve.ts";
