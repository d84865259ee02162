/**
 * Calls whose results nobody takes, when their client is closed.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  ConnectionLostError,
  type Doveadm,
  type DoveadmClient,
  PartialFailure,
} from "../../../mod.ts";
import { startMailServer } from "../../../testing/mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";

const mail = `Subject: Long\n\n${"x".repeat(4000)}\n`;
const mails = Array.from({ length: 400 }, () => mail);
const users = { alice: { mailboxes: { INBOX: mails } }, bob: { mailboxes: { INBOX: mails } } };
const request = { name: "fetch", user: "alice", args: ["text", "all"] };
const query = { field: ["text"], query: ["all"] } as const;

const calls: Readonly<Record<string, (doveadm: DoveadmClient) => AsyncGenerator<unknown>>> = {
  rows: (doveadm) => doveadm.rows("fetch", { user: "alice", ...query }),
  "rows of many users": (doveadm) => doveadm.rows("fetch", { allUsers: true, ...query }),
  stream: (doveadm) => (doveadm as Doveadm).stream(request),
  "stream that reuses memory": (doveadm) =>
    (doveadm as Doveadm).stream(request, { reuseBuffer: true }),
};

/** The error that a call ends with. */
async function endOf(results: AsyncGenerator<unknown>): Promise<unknown> {
  try {
    for await (const _ of results);
  } catch (error) {
    return error;
  }
}

for (const [name, call] of Object.entries(calls)) {
  for (const over of name.startsWith("rows") ? ["TCP", "HTTP"] as const : ["TCP"] as const) {
    test(`close › ${name} over ${over} that nobody takes › don't hold it up`, async () => {
      await leavingNothing(async () => {
        await using server = await startMailServer({ users, http: true });
        const doveadm = connect(over === "TCP" ? server.url : server.http!.url, { timeout: 0 });
        const results = call(doveadm);
        await results.next();
        await doveadm.close();
        const error = await endOf(results);
        const expected = name.includes("many") ? PartialFailure : ConnectionLostError;
        assert(error instanceof expected, String(error));
      });
    });
  }
}
