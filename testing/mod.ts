/**
 * An embedded doveadm server whose mail is in memory, for tests and first steps without a Dovecot.
 *
 * @module
 */

export type { DovecotVersion } from "../core/doveadm/catalogue/mod.ts";
export type { CommandFailure } from "../doveadm/server/command_failure.ts";
export type { DoveadmServer, ServePlace, ServeSettings } from "../doveadm/server/serve.ts";
export type {
  DoveadmHandler,
  DoveadmPeer,
  ReplyField,
  ServerRequest,
} from "../doveadm/server/handler.ts";
export type { Address } from "../transports/transport.ts";
export type { MailServerHttp, MailServerHttpOptions } from "./http_server.ts";
export { mailHandler, type MailHandlerOptions } from "./mail_handler.ts";
export { type MailServer, type MailServerOptions, startMailServer } from "./mail_server.ts";
export {
  MailSystem,
  type MailSystemOptions,
  type NamespaceOptions,
  type QuotaOptions,
  type Session,
  type UserState,
} from "./mail_system.ts";
export { MailUser, type QuotaUse } from "./mail_user.ts";
export { type Mail, Mailbox, type MailboxState, type NewMail } from "./mailbox.ts";
export type { ListOptions } from "./mailboxes/listing.ts";
export type { Namespace } from "./mailboxes/names.ts";
export type { TreeName } from "./mailboxes/tree.ts";
