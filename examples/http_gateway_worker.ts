/**
 * A Cloudflare Worker with Dovecot's HTTP API, in front of a Dovecot that it reaches by doveadm's own protocol:
 * a key for each person, a policy, and log lines, rows before a failure and base64 for clients that ask for
 * them, as examples/http_gateway.ts has.
 *
 * Its environment has the server's address as DOVEADM_URL, such as "doveadms://mail.example.org:24246", its
 * version as DOVEADM_VERSION, "2.3" or "2.4", and as secrets its doveadm_password as DOVEADM_PASSWORD and the
 * rules as RULES, in JSON. It needs the compatibility flag "nodejs_compat".
 *
 * @module
 */

import { httpHandler, type HttpHandlerOptions, policy } from "../doveadm/server/mod.ts";
import { connect } from "../transports/cloudflare.ts";
import { parseJson } from "./parse_json.ts";
import { passOn, withCheckedArguments } from "./pass_on.ts";

/** The Worker's configuration. */
export interface GatewayEnvironment {
  /** The Dovecot's URL. */
  readonly DOVEADM_URL: string;
  /** Its doveadm_password. */
  readonly DOVEADM_PASSWORD: string;
  /** Its version. */
  readonly DOVEADM_VERSION: NonNullable<HttpHandlerOptions["version"]>;
  /** The rules of its policy, by the names of their owners: docs/policy.md has their members. */
  readonly RULES: string;
}

/** The API for the environment. Connections belong to requests, and the API keeps none. */
let api: ((request: Request) => Promise<Response>) | undefined;

function apiOf(env: GatewayEnvironment): (request: Request) => Promise<Response> {
  const { authenticate, guard } = policy(parseJson(env.RULES, "RULES"));
  const dovecot = passOn(env.DOVEADM_URL, { password: env.DOVEADM_PASSWORD, connector: connect });
  return httpHandler(guard(withCheckedArguments(dovecot, env.DOVEADM_VERSION)), {
    authenticate,
    version: env.DOVEADM_VERSION,
    // A request whose client disconnects just stops, and would be counted for ever.
    maxRequests: Infinity,
    limits: { bodies: Infinity },
    onError: (error) => console.error(error instanceof Error ? error.message : error),
  });
}

/** The Worker. */
const worker: { fetch(request: Request, env: GatewayEnvironment): Promise<Response> } = {
  fetch: (request, env) => (api ??= apiOf(env))(request),
};

// The platform runs the module's default export.
export default worker;
