/**
 * A Cloudflare Worker that answers `GET /quota/USER` with that user's quota, which it gets from a
 * Dovecot:
 *
 * ```json
 * [{ "name": "User quota", "type": "STORAGE", "value": 12, "limit": 1048576, "percent": 0 }]
 * ```
 *
 * Its environment has the server's address as DOVEADM_URL, such as
 * "doveadms://mail.example.org:24246", and, as a secret, its doveadm_password as DOVEADM_PASSWORD.
 * Anyone who can reach the Worker can read any user's quota: put something in front of it that
 * authenticates clients. It needs the compatibility flag "nodejs_compat".
 *
 * @module
 */

import { CommandError, ConnectError, Doveadm, DovewireError, TimeoutError } from "../mod.ts";
import { connect } from "../transports/cloudflare.ts";

/** The Worker's configuration. */
export interface QuotaWorkerEnvironment {
  /** The Dovecot's URL. */
  readonly DOVEADM_URL: string;
  /** Its doveadm_password. */
  readonly DOVEADM_PASSWORD: string;
}

/** How long the server may take to answer, in milliseconds. */
const timeout = 10_000;

/** Answers one request. */
async function answer(request: Request, env: QuotaWorkerEnvironment): Promise<Response> {
  const user = userOf(new URL(request.url).pathname);
  if (user === undefined) return failure(404, "There is only /quota/USER.");
  if (request.method !== "GET") return failure(405, "There is only GET.");
  // A connection belongs to the request that opened it, so each request has its own client.
  await using doveadm = new Doveadm(env.DOVEADM_URL, {
    password: env.DOVEADM_PASSWORD,
    connector: connect,
    connectTimeout: timeout,
  });
  try {
    // Fails at once where the server can't be reached; a command would wait until it can be.
    await doveadm.ready({ timeout });
    return Response.json(await doveadm.run("quota get", { user }, { timeout }));
  } catch (error) {
    return failureOf(error, user);
  }
}

/** The user that a path names. */
function userOf(path: string): string | undefined {
  const [, user] = /^\/quota\/([^/]+)$/.exec(path) ?? [];
  try {
    return user && decodeURIComponent(user);
  } catch {
    return undefined;
  }
}

function failureOf(error: unknown, user: string): Response {
  if (error instanceof CommandError && error.code === "NOUSER") {
    return failure(404, `There is no user ${user}.`);
  }
  if (error instanceof TimeoutError) return failure(504, "The mail server takes too long.");
  // The details are for the Worker's log, not for the client.
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof ConnectError) return failure(502, "The mail server can't be reached.");
  if (error instanceof DovewireError) return failure(502, "The mail server gave no answer.");
  return failure(500, "The Worker failed.");
}

function failure(status: number, error: string): Response {
  return Response.json({ error }, { status });
}

/** The Worker. */
const worker: {
  fetch(request: Request, env: QuotaWorkerEnvironment): Promise<Response>;
} = { fetch: answer };

// The platform runs the module's default export.
export default worker;
