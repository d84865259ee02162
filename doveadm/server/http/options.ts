/**
 * Options for the HTTP API.
 *
 * @module
 */

import type { DovecotVersion } from "../../../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../../../core/mod.ts";
import { checkCount, checkOptions, shownValue } from "../../../core/option_checks.ts";
import { RefusalDelays } from "../../../transports/refusal_delays.ts";
import { timeLimit } from "../../../transports/timers.ts";
import type { Authenticate } from "../login.ts";
import type { HttpCommandInfo } from "./offered_commands.ts";

/** Limits on what clients may make the API keep in memory; `Infinity` for no limit. */
export interface HttpServerLimits {
  /** The body of a request, in bytes; 32 MiB if left out. */
  body?: number;
  /** The bodies of all requests that are being answered, in bytes; 256 MiB if left out. */
  bodies?: number;
  /**
   * How many values a body may have, counting arrays, objects, the names in a `userFile`, and for 2.3 the
   * flags and fields in one string; 100,000 if left out.
   */
  values?: number;
  /** How many commands a request may have; 1024 if left out. */
  commands?: number;
  /**
   * How many bytes of a command's rows are held back until the command has ended, since a failure replaces
   * them; 256 KiB if left out. A longer answer is sent while it is made. If its command fails after that, the
   * response is broken off, unless the client asked for the rows before a failure.
   */
  held?: number;
  /** How many bytes of log lines a command has in its answer; 64 KiB if left out. */
  log?: number;
}

/**
 * Options for {@linkcode httpHandler}.
 *
 * Time limits are in milliseconds; 0 and `Infinity` mean no limit.
 */
export interface HttpHandlerOptions<Context extends readonly unknown[] = readonly unknown[]> {
  /** The password that lets a client in, by the scheme Basic. */
  password?: string;
  /** The only name for the password; "doveadm" if left out, as in Dovecot. */
  username?: string;
  /** The key that lets a client in, by the scheme X-Dovecot-API. */
  apiKey?: string;
  /**
   * Decides who may log in, instead of a password and a key: returns the client's name for the handler, or
   * `undefined` to refuse it. A key comes with the name "". Compare secrets with `sameSecret` of the core.
   */
  authenticate?: Authenticate;
  /** The version of Dovecot whose commands, parameters and messages the API has; "2.4" if left out. */
  version?: DovecotVersion;
  /**
   * The commands that are offered: names of the catalogue, and descriptions of others. If left out, all
   * commands of the version.
   */
  commands?: readonly (string | HttpCommandInfo)[];
  /**
   * Returns a client's IP address, for `client.address` of the handler's requests and to delay refusals,
   * from the request and what the runtime passes with it.
   */
  addressOf?: (request: Request, ...context: Context) => string | undefined;
  /**
   * How long the first refusal of a login is delayed for an address; 500 if left out, 0 for no delay. Each
   * further refusal takes twice as long, up to sixteen times the first delay. Needs `addressOf`. Accepted
   * logins are never delayed.
   */
  refusalDelay?: number;
  /**
   * How many requests are answered at once; 1000 if left out, `Infinity` for no limit. Further ones get the
   * status 503.
   */
  maxRequests?: number;
  /** How long a client may take to send a body; 30 s if left out. */
  bodyTimeout?: number;
  /**
   * How long a command may take, with the time that its client takes to read, and how long `authenticate` may;
   * 10 minutes if left out.
   */
  timeout?: number;
  /** How long a client may read nothing of a response; 60 s if left out. */
  stallTimeout?: number;
  /** Limits on memory. */
  limits?: HttpServerLimits;
  /**
   * Called with each error: a refused login, a body or a time over its limit, an error of the handler. `client`
   * is "http", with the address after it if that is known.
   */
  onError?: (error: unknown, client: string) => void;
}

/** The options that are numbers, checked and with their defaults. */
export interface HttpNumbers {
  readonly limits: Readonly<Required<HttpServerLimits>>;
  readonly maxRequests: number;
  readonly bodyTimeout: number;
  readonly timeout: number;
  readonly stallTimeout: number;
  readonly refusalDelays: RefusalDelays;
}

/** Checks the version and the options that are numbers. Throws a `LocalProtocolError` for an invalid one. */
export function httpNumbers(options: HttpHandlerOptions<never>): HttpNumbers {
  checkOptions(options, {
    functions: ["authenticate", "addressOf", "onError"],
    objects: ["limits"],
    texts: ["username"],
  });
  const { version = "2.4", maxRequests = 1000, refusalDelay = 500, limits = {} } = options;
  const { bodyTimeout = 30_000, timeout = 600_000, stallTimeout = 60_000 } = options;
  if (version !== "2.3" && version !== "2.4") {
    throw new LocalProtocolError(
      `"version" is ${shownValue(version)}. Set it to "2.3" or "2.4".`,
    );
  }
  checkCount("maxRequests", maxRequests, 1);
  const given = Object.entries(limits).filter(([, limit]) => limit !== undefined);
  const allLimits = { ...defaultLimits, ...Object.fromEntries(given) };
  for (const [name, limit] of Object.entries(allLimits)) {
    if (!Object.hasOwn(defaultLimits, name)) {
      throw new LocalProtocolError(
        `There is no limit ${JSON.stringify(name)}. There are ` +
          `${Object.keys(defaultLimits).map((name) => `"${name}"`).join(", ")}.`,
      );
    }
    checkCount(`limits.${name}`, limit, 1);
  }
  return {
    limits: allLimits,
    maxRequests,
    bodyTimeout: timeLimit("bodyTimeout", bodyTimeout),
    timeout: timeLimit("timeout", timeout),
    stallTimeout: timeLimit("stallTimeout", stallTimeout),
    refusalDelays: new RefusalDelays(refusalDelay),
  };
}

const defaultLimits: Required<HttpServerLimits> = {
  body: 32 * 1024 * 1024,
  bodies: 256 * 1024 * 1024,
  values: 100_000,
  commands: 1024,
  held: 256 * 1024,
  log: 64 * 1024,
};
