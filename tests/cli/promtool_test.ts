import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { renderMetrics, type ServerSnapshot } from "../../cli/exporter/render.ts";
import { queries } from "../../cli/exporter/snapshot.ts";
import { ensureProgram } from "../harness/programs.ts";

/** What a server may send as a name. */
const hostile = 'a"}\\ 1\r\n\t\0\x1b[2J\x9b\u2028\u202e\ufeff,__proto__="';

/** A server of which everything is known. */
const snapshot: ServerSnapshot = {
  ...{ server: 'mx1 "\\\n', isUp: true, answeredAt: 1_767_612_600.5, took: 0.25 },
  sessions: new Map([["imap", { sessions: 3, users: 2 }], [hostile, { sessions: 1, users: 1 }]]),
  processes: new Map([["imap-login", { processes: 1, limit: 100 }]]),
  replication: new Map([["queued_sync_requests", 0]]),
  quota: {
    users: 1,
    worst: [{
      ...{ user: "zoë@example.org", root: "User quota", usedBytes: 1024, limitBytes: 2048 },
      ...{ usedMessages: 1, limitMessages: 10 },
    }, {
      ...{ user: hostile, root: "__proto__", usedBytes: Infinity, limitBytes: 0.5 },
      ...{ usedMessages: -1, limitMessages: 2 ** 53 },
    }],
  },
  mailboxes: new Map([["Trash/*", { messages: 5, bytes: 1e12 }]]),
  errors: new Map(queries.map((query) => [query, 1])),
};

test("exporter › all of its metrics, checked by promtool › are as Prometheus wants them", async () => {
  const text = await renderMetrics([snapshot, { ...snapshot, server: "mx2" }]);
  const promtool = await ensureProgram("promtool");
  const complaints = await new Promise<string>((resolve) => {
    const child = execFile(promtool, ["check", "metrics"], (error, output, errors) => {
      resolve(error === null ? output + errors : `${error.message}${output}${errors}`);
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(text);
  });
  assert.equal(complaints, "");
});
