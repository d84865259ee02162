/**
 * Commands that a referral leads to another server.
 *
 * @module
 */

import type { DoveadmConnection } from "../connection.ts";
import type { DoveadmRequest, SendOptions } from "../request.ts";

/** How a referral changes a command. */
export interface Hop {
  /** The user's name at the server. */
  readonly user: string;
  /** How many servers more the command may pass; `undefined` if no server needs to know. */
  readonly proxyTtl: number | undefined;
}

/** Options of a call, and what a referral changes of it. */
export interface HopOptions extends SendOptions {
  /** Set if the call goes where a referral leads. */
  readonly hop?: Hop;
}

/** The first minor version of the protocol in which a command has extra fields. */
const minorOfExtraFields = 3;

/** The user of a call, by the name that a referral gives it. */
export function userAtHop(user: string | undefined, { hop }: HopOptions): string | undefined {
  return hop === undefined ? user : hop.user;
}

/** A request with what a referral changes of it. */
export function withHop(
  request: DoveadmRequest,
  { hop }: HopOptions,
  { minor }: DoveadmConnection,
): DoveadmRequest {
  if (hop === undefined) return request;
  const { user, proxyTtl } = hop;
  // Older servers close the connection on extra fields.
  if (proxyTtl === undefined || minor < minorOfExtraFields) return { ...request, user };
  const extraFields = { ...request.extraFields, "proxy-ttl": String(proxyTtl) };
  return { ...request, user, extraFields };
}
