/**
 * A doveadm server with mail in memory, which replaces a Dovecot in tests.
 *
 * @module
 */

import {
  type DoveadmServer,
  serve,
  type ServePlace,
  type ServeSettings,
} from "../doveadm/server/serve.ts";
import { checkOptions } from "../core/option_checks.ts";
import { type Address, peerName } from "../transports/transport.ts";
import { mailHandler, type MailHandlerOptions, serverVersion } from "./mail_handler.ts";
import { MailSystem, type MailSystemOptions } from "./mail_system.ts";

/** Options for {@linkcode startMailServer}. */
export interface MailServerOptions extends MailSystemOptions, MailHandlerOptions {
  /** The mail to serve, instead of a new system with the `users` and `namespaces`. */
  readonly system?: MailSystem;
  /** Where to listen; a free port of 127.0.0.1 if left out. */
  readonly place?: ServePlace;
  /** More options for the server; over TCP it has a random password if `password` is left out. */
  readonly settings?: ServeSettings;
}

/** A doveadm server with mail in memory. */
export interface MailServer extends AsyncDisposable {
  /** The mail: commands change it, and see changes that are made to it. */
  readonly system: MailSystem;
  /** The URL for `connect`, with the password: `doveadm://doveadm:…@127.0.0.1:40123`. */
  readonly url: string;
  /** Where it listens. */
  readonly address: Address;
  /** The password for clients; `undefined` if they need none. */
  readonly password: string | undefined;
  /** The server; closing this closes it. */
  readonly server: DoveadmServer;
  /** Closes it, as its {@linkcode DoveadmServer.close} does. */
  close(): Promise<void>;
}

/**
 * Starts a doveadm server whose mail is in memory, for tests without a Dovecot and for first steps. It
 * answers as Dovecot 2.3 does, or 2.4: see `mailHandler` for the commands.
 *
 * Rejects as `serve` does, and where `mailHandler` throws.
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
  checkOptions(options, { objects: ["system", "place", "settings"] });
  const { system = new MailSystem(options), settings = {}, version = "2.3" } = options;
  const place = options.place ?? { hostname: "127.0.0.1", port: 0 };
  const asksForLogin = settings.password !== undefined || settings.authenticate !== undefined ||
    settings.preauthenticated === true || "path" in place;
  const password = asksForLogin ? settings.password : crypto.randomUUID();
  // Clients take the server's version from its protocol.
  const { minor: maxMinor } = serverVersion(version);
  const server = await serve(
    { ...place, maxMinor, ...settings, password },
    mailHandler(system, options),
  );
  return {
    system,
    server,
    password,
    address: server.address,
    url: urlOf(server.address, password),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

function urlOf(address: Address, password: string | undefined): string {
  if (address.transport === "unix") return `doveadm+unix://${encodeURI(address.path)}`;
  const login = password === undefined ? "" : `doveadm:${encodeURIComponent(password)}@`;
  return `doveadm://${login}${peerName(address).slice("tcp ".length)}`;
}
