/**
 * A relay that notes who logs in, with two commands of its own.
 *
 * @module
 */

import { continuation, defineCommand, ok, untagged } from "../../../../imap/mod.ts";
import { type ImapRelay, serveRelay } from "../../../../imap/relay/mod.ts";
import { connect, listen } from "../../../../transports/mod.ts";
import { LONG, SHORT } from "./generator.ts";

/** A relay, and what it has noted. */
export interface NotingRelay extends AsyncDisposable {
  /** Its port on 127.0.0.1. */
  readonly port: number;
  /** The latest session's id, by the client's port. */
  readonly sessions: ReadonlyMap<number, string>;
  /** Who logged in, by the session's id. */
  readonly users: ReadonlyMap<string, string>;
  /** What went wrong, except for wrong passwords. */
  readonly errors: readonly string[];
}

const commands = [
  defineCommand({ name: SHORT, capability: "XLAB" }, () => ok("short")),
  defineCommand({ name: LONG, isLongRunning: true }, async function* (args, _session, { done }) {
    yield untagged(`${LONG} ${args.length}`);
    yield continuation("going on");
    await done;
    return ok("long");
  }),
];

/** How many bytes of a wrong command the relay reads. */
export const MOST_SWALLOWED = 1_000_000;

/** Starts a relay to a server on 127.0.0.1. */
export async function startRelay(port: number): Promise<NotingRelay> {
  const hostname = "127.0.0.1";
  const sessions = new Map<number, string>();
  const users = new Map<string, string>();
  const errors: string[] = [];
  const listener = await listen({ transport: "tcp", hostname, port: 0 });
  const relay: ImapRelay = serveRelay(listener, {
    connect({ client, signal }) {
      sessions.set(portOf(client.peer), client.sessionId ?? "");
      return connect({ transport: "tcp", hostname, port }, { signal });
    },
    commands,
    limits: { swallow: MOST_SWALLOWED },
    refusalDelay: 0,
    resolveUser({ user, client }) {
      users.set(client.sessionId ?? "", user);
      return user;
    },
    onError(error, client) {
      const text = String(error);
      if (!/could not log in/.test(text)) errors.push(`${client.peer}: ${text}`);
    },
  });
  const { address } = relay;
  if (address.transport !== "tcp") throw new Error("The relay has no port.");
  return {
    port: address.port,
    sessions,
    users,
    errors,
    [Symbol.asyncDispose]: () => relay.close(),
  };
}

function portOf(peer: string): number {
  return Number(/:(\d+)$/.exec(peer)?.[1]);
}
