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
import { LocalProtocolError } from "../core/errors.ts";
import { checkOptions } from "../core/option_checks.ts";
import type { Address } from "../transports/transport.ts";
import {
  type MailServerHttp,
  type MailServerHttpOptions,
  type PreparedHttp,
  prepareHttp,
  type StartedHttp,
  startHttp,
} from "./http_server.ts";
import { mailHandler, type MailHandlerOptions, serverVersion } from "./mail_handler.ts";
import { MailSystem, type MailSystemOptions } from "./mail_system.ts";
import { urlHost } from "./url_host.ts";

/** Options for {@linkcode startMailServer}. */
export interface MailServerOptions extends MailSystemOptions, MailHandlerOptions {
  /** The mail to serve, instead of a new system with the `users` and `namespaces`. */
  readonly system?: MailSystem;
  /** Where to listen; a free port of 127.0.0.1 if left out. */
  readonly place?: ServePlace;
  /** More options for the server; over TCP it has a random password if `password` is left out. */
  readonly settings?: ServeSettings;
  /**
   * Whether to answer over HTTP as well, as Dovecot's API does, and how: at a free port of 127.0.0.1 if left
   * out there, with the server's password or `authenticate`, or a random password if it has neither.
   */
  readonly http?: boolean | MailServerHttpOptions;
}

/** A doveadm server with mail in memory. */
export interface MailServer extends AsyncDisposable {
  /** The mail: commands change it, and see changes that are made to it. */
  readonly system: MailSystem;
  /**
   * The URL for `connect`: over TCP with the password, `doveadm://doveadm:…@127.0.0.1:40123`, or that of TLS; at a
   * UNIX socket, whose path must be absolute for that, without.
   */
  readonly url: string;
  /** Where it listens. */
  readonly address: Address;
  /** The password for clients; `undefined` if they need none. */
  readonly password: string | undefined;
  /** The server; closing this closes it. */
  readonly server: DoveadmServer;
  /** Its HTTP API; `undefined` if the option `http` wasn't set. */
  readonly http: MailServerHttp | undefined;
  /** Closes it, as its {@linkcode DoveadmServer.close} does, and the HTTP API likewise. */
  close(): Promise<void>;
}

/**
 * Starts a doveadm server whose mail is in memory, for tests without a Dovecot and for first steps. It
 * answers as Dovecot 2.3 does, or 2.4: see `mailHandler` for the commands.
 *
 * Rejects as `serve` does, and where `mailHandler` and `httpHandler` throw.
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
 *
 * @example Over HTTP
 * ```ts
 * import { startMailServer } from "@dovewire/dovewire/testing";
 * import assert from "node:assert/strict";
 *
 * const users = { alice: { mailboxes: { INBOX: [], Sent: [] } } };
 * await using server = await startMailServer({ users, http: { apiKey: "k3y" } });
 * const response = await fetch(server.http!.endpoint, {
 *   method: "POST",
 *   headers: { authorization: `X-Dovecot-API ${btoa("k3y")}` },
 *   body: JSON.stringify([["mailboxList", { user: "alice", mailboxMask: ["S*"] }, "a"]]),
 * });
 * assert.deepEqual(await response.json(), [["doveadmResponse", [{ mailbox: "Sent" }], "a"]]);
 * ```
 */
export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  checkOptions(options, { objects: ["system", "place", "settings"] });
  checkSystem(options.system);
  const { system = new MailSystem(options), settings = {}, version = "2.3" } = options;
  const place = options.place ?? { hostname: "127.0.0.1", port: 0 };
  const asksForLogin = settings.password !== undefined || settings.authenticate !== undefined ||
    settings.preauthenticated === true || "path" in place;
  const password = asksForLogin ? settings.password : crypto.randomUUID();
  // Clients take the server's version from its protocol.
  const { minor: maxMinor } = serverVersion(version);
  const handler = mailHandler(system, options);
  if (options.http !== undefined && typeof options.http !== "boolean") {
    checkOptions(options, { objects: ["http"] });
  }
  const prepared = options.http === undefined || options.http === false ? undefined : prepareHttp(
    options.http === true ? {} : options.http,
    { handler, version, settings, password },
  );
  const server = await serve({ ...place, maxMinor, ...settings, password }, handler);
  const started = prepared && await startedBeside(server, prepared);
  const close = async () => {
    await Promise.all([server.close(), started?.close()]);
  };
  return {
    system,
    server,
    password,
    address: server.address,
    url: urlOf(server.address, password, settings),
    http: started?.http,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function checkSystem(system: MailSystem | undefined): void {
  if (system === undefined || typeof system.findUser === "function") return;
  throw new LocalProtocolError(
    '"system" is no MailSystem. Create one with new MailSystem({ users }), or set "users" instead.',
  );
}

/** Starts an HTTP API that closes with a server, which it closes if it can't listen. */
async function startedBeside(server: DoveadmServer, prepared: PreparedHttp): Promise<StartedHttp> {
  try {
    const started = await startHttp(prepared);
    void server.finished.then(started.close);
    return started;
  } catch (error) {
    await server.close();
    throw error;
  }
}

function urlOf(
  address: Address,
  password: string | undefined,
  { username = "doveadm", tls, starttls }: ServeSettings,
): string {
  if (address.transport === "unix") {
    const path = encodeURI(address.path).replaceAll("?", "%3F").replaceAll("#", "%23");
    return `doveadm+unix://${path}`;
  }
  const scheme = tls === undefined
    ? "doveadm"
    : starttls === undefined
    ? "doveadms"
    : "doveadm+starttls";
  const login = password === undefined
    ? ""
    : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
  return `${scheme}://${login}${urlHost(address)}`;
}
