/**
 * Ways to the quotas of all users, of which each has two.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Dovecot, DovecotVersion } from "../../tests/harness/dovecot/dovecot.ts";
import { output } from "../harness/program.ts";
import type { Way } from "../harness/turns.ts";
import { doveadmCommand } from "./dovecot.ts";

/** Gets the quotas of all users, and returns how many lines or rows there are. */
export type Quotas = () => Promise<number>;

/** A way that checks how many there are. */
export function checked(users: number, quotas: Quotas): Way {
  return async () => assert.equal(await quotas(), 2 * users);
}

/** Dovecot's own program: `doveadm quota get -A`, in its own process, and with `-S` as a client of a server. */
export function quotasByDoveadm(
  version: DovecotVersion,
  dovecot: Dovecot,
): Readonly<Record<string, Quotas>> {
  const running = (...args: readonly string[]): Quotas => async () => {
    const command = doveadmCommand(version, dovecot, "quota", "get", "-A", ...args);
    return (await output(command)).trimEnd().split("\n").length - 1;
  };
  return {
    "doveadm -A -S": running("-S", `127.0.0.1:${dovecot.port}`),
    "doveadm -A": running(),
  };
}
