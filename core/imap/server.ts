/**
 * The server side of IMAP, without mail.
 *
 * @module
 */

import { Conversation } from "./conversation.ts";
import type { Greeting } from "./conversation_events.ts";
import type { ConversationOptions } from "./conversation_options.ts";

/** Options for an {@linkcode ImapServerProtocol}. Times are in milliseconds; 0 and `Infinity` mean no limit. */
export interface ImapServerProtocolOptions
  extends Omit<ConversationOptions, "passThrough">, Greeting {}

/**
 * The server side of one IMAP connection, as a value that never touches a socket: a client's conversation with
 * no upstream server. It has no mail, but the login, ID, IDLE, NOOP, CAPABILITY, LOGOUT, and the custom
 * commands that it is given. The client is greeted at once.
 *
 * @example A session with prepared bytes of a client
 * ```ts
 * import { ImapServerProtocol } from "@dovewire/dovewire/core/imap";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const protocol = new ImapServerProtocol({
 *   commands: [{ name: "XWATCH", args: ["astring"], isLongRunning: true }],
 * });
 * protocol.receive(encodeUtf8('a LOGIN alice "s3cret"\r\nb XWATCH birds\r\nDONE\r\n'));
 * const login = protocol.nextEvent();
 * assert(login?.type === "login" && login.user === "alice" && login.password === "s3cret");
 * protocol.accept(login.id);
 *
 * const command = protocol.nextEvent();
 * assert(command?.type === "command" && command.args[0] === "birds");
 * protocol.untagged(command.id, ["XWATCH ROBIN"]);
 * protocol.continue(command.id, "watching");
 * assert.equal(protocol.nextEvent()?.type, "done");
 * protocol.finish(command.id, { status: "OK", text: "Enough." });
 * assert.match(
 *   decodeUtf8(protocol.takeOutput()!),
 *   /a OK .* Logged in\r\n\* XWATCH ROBIN\r\n\+ watching\r\nb OK Enough.\r\n$/s,
 * );
 * ```
 */
export class ImapServerProtocol extends Conversation {
  /** Creates one, and greets the client; throws a {@linkcode LocalProtocolError} for invalid options. */
  constructor(options: ImapServerProtocolOptions = {}) {
    const { capabilities, text, preauthenticated, ...conversation } = options;
    super(conversation);
    this.greet({ capabilities, text, preauthenticated });
  }
}
