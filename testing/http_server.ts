/**
 * A mail server's HTTP API.
 *
 * @module
 */

import type { DovecotVersion } from "../core/doveadm/catalogue/mod.ts";
import type { DoveadmHandler } from "../doveadm/server/handler.ts";
import { type HttpHandler, httpHandler } from "../doveadm/server/http/http_handler.ts";
import type { HttpHandlerOptions } from "../doveadm/server/http/options.ts";
import type { ServeSettings } from "../doveadm/server/serve.ts";
import { listenHttp } from "../transports/mod.ts";
import type { Address } from "../transports/transport.ts";
import { commandNames } from "./mail_handler.ts";
import { urlHost } from "./url_host.ts";

/** Options for the HTTP API of a mail server: where it listens, who may log in, and limits. */
export interface MailServerHttpOptions
  extends Omit<HttpHandlerOptions, "version" | "commands" | "addressOf"> {
  /** Where to listen; 127.0.0.1 if left out. */
  readonly hostname?: string;
  /** The port; any that is free if left out. */
  readonly port?: number;
}

/** The HTTP API of a mail server. */
export interface MailServerHttp {
  /** The URL for `connect` and curl, with the password: `http://doveadm:…@127.0.0.1:40124/doveadm/v1`. */
  readonly url: string;
  /** The URL without the password, for `fetch`, which takes none with one. */
  readonly endpoint: string;
  /** Where it listens. */
  readonly address: Address;
  /** The password for the scheme Basic; `undefined` if there is only a key, or a function decides. */
  readonly password: string | undefined;
  /** The key for the scheme X-Dovecot-API; `undefined` if none was given. */
  readonly apiKey: string | undefined;
}

/** An HTTP API that is prepared, and its login. */
export interface PreparedHttp {
  readonly api: HttpHandler<[string]>;
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string | undefined;
  readonly apiKey: string | undefined;
}

/** An HTTP API that listens. */
export interface StartedHttp {
  readonly http: MailServerHttp;
  close(): Promise<void>;
}

/** What an HTTP API has in common with the server that it belongs to. */
export interface HttpCompanion {
  readonly handler: DoveadmHandler;
  readonly version: DovecotVersion;
  readonly settings: ServeSettings;
  /** The server's password, if it has one. */
  readonly password: string | undefined;
}

/**
 * Checks options, before anything listens. Logins are those of the server if the options have none, and a random
 * password if it needs none. Throws a `LocalProtocolError` for invalid options.
 */
export function prepareHttp(
  options: MailServerHttpOptions,
  { handler, version, settings, password: serverPassword }: HttpCompanion,
): PreparedHttp {
  const { hostname = "127.0.0.1", port = 0, ...rest } = options;
  const { username = settings.username ?? "doveadm", apiKey } = rest;
  const hasSecret = rest.password !== undefined || apiKey !== undefined;
  const authenticate = rest.authenticate ?? (hasSecret ? undefined : settings.authenticate);
  const password = rest.password ??
    (authenticate === undefined ? serverPassword : undefined) ??
    (authenticate === undefined && apiKey === undefined ? crypto.randomUUID() : undefined);
  const api = httpHandler<[string]>(handler, {
    ...{ onError: settings.onError, refusalDelay: settings.refusalDelay, ...rest },
    ...{ version, commands: commandNames, username, password, authenticate },
    addressOf: (_, address) => address,
  });
  return { api, hostname, port, username, password, apiKey };
}

/** Listens. Rejects with a `TransportError` if it can't. */
export async function startHttp(prepared: PreparedHttp): Promise<StartedHttp> {
  const { api, hostname, port, username, password, apiKey } = prepared;
  const listener = await listenHttp({ hostname, port }, api);
  const { address } = listener;
  const place = urlHost(address);
  const login = password === undefined
    ? ""
    : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
  return {
    http: {
      url: `http://${login}${place}/doveadm/v1`,
      endpoint: `http://${place}/doveadm/v1`,
      ...{ address, password, apiKey },
    },
    close: () => listener.close(),
  };
}
