/**
 * A server with mail of its own: what stands in for a Dovecot.
 *
 * @module
 */

import {
  type DoveadmServer,
  serve,
  type ServePlace,
  type ServeSettings,
} from "../doveadm/server/serve.ts";
import { type Address, peerName } from "../transports/transport.ts";
import { mailHandler } from "./mail_handler.ts";
import { MailSystem, type MailSystemOptions } from "./mail_system.ts";

/** What {@linkcode startMailServer} can be told. */
export interface MailServerOptions extends MailSystemOptions {
  /** The mail to serve, in place of a new system of the `users` and `namespaces`. */
  readonly system?: MailSystem;
  /** Where to listen; at any free port of loopback if left out. */
  readonly place?: ServePlace;
  /** What the server is told besides; over TCP it has a random password if that is left out. */
  readonly settings?: ServeSettings;
}

/** A doveadm server with mail in memory. */
export interface MailServer extends AsyncDisposable {
  /** The mail: what commands change shows there, and the other way round. */
  readonly system: MailSystem;
  /** What `connect` takes, the password included: `doveadm://doveadm:…@127.0.0.1:40123`. */
  readonly url: string;
  /** Where it listens. */
  readonly address: Address;
  /** What clients log in with; none where they needn't. */
  readonly password: string | undefined;
  /** The server, which closes with this. */
  readonly server: DoveadmServer;
}

/**
 * Starts a doveadm server whose mail is in memory: to test against without a Dovecot, and for first
 * steps. It answers as Dovecot 2.3 does: see `mailHandler` for the commands.
 *
 * Rejects as `serve` does.
 *
 * @example
 * ```ts
 * import { connect } from "@dovewire/dovewire";
 * import { startMailServer } from "@dovewire/dovewire/testing";
 * import assert from "node:assert/strict";
 *
 * const mail = "From: bob@example.org\nSubject: Lunch?\n\nAt noon?\n";
 * await using server = await startMailServer({
 *   users: { alice: { mailboxes: { INBOX: [mail], Sent: [] } } },
 * });
 * await using doveadm = connect(server.url);
 * const args = ["uid hdr.subject", "mailbox", "INBOX", "from", "bob"];
 * const { fields } = await doveadm.send({ name: "fetch", user: "alice", args });
 * assert.deepEqual(fields, ["1", "Lunch?"]);
 * ```
 */
export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const { system = new MailSystem(options), settings = {} } = options;
  const place = options.place ?? { hostname: "127.0.0.1", port: 0 };
  const asksForLogin = settings.password !== undefined || settings.authenticate !== undefined ||
    settings.preauthenticated === true || "path" in place;
  const password = asksForLogin ? settings.password : crypto.randomUUID();
  // What answers as 2.3 does has to speak the protocol of 2.3: clients go by that.
  const server = await serve(
    { ...place, maxMinor: 2, ...settings, password },
    mailHandler(system),
  );
  return {
    system,
    server,
    password,
    address: server.address,
    url: urlOf(server.address, password),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

function urlOf(address: Address, password: string | undefined): string {
  if (address.transport === "unix") return `doveadm+unix://${encodeURI(address.path)}`;
  const login = password === undefined ? "" : `doveadm:${encodeURIComponent(password)}@`;
  return `doveadm://${login}${peerName(address).slice("tcp ".length)}`;
}
