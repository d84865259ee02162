import assert from "node:assert/strict";
import { type AddressInfo, connect as connectSocket, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setImmediate } from "node:timers";
import { test } from "node:test";
import { Collector } from "../../cli/exporter/collector.ts";
import { renderMetrics, type ServerSnapshot } from "../../cli/exporter/render.ts";
import { startHttp } from "../../cli/exporter/run_exporter.ts";
import type { QueryName, QuotaUse } from "../../cli/exporter/snapshot.ts";
import { openServer } from "../../cli/servers/open_server.ts";
import { encodeUtf8 } from "../../core/mod.ts";
import { CommandFailure, serve } from "../../doveadm/server/mod.ts";
import { mailHandler, type MailServer, startMailServer } from "../../testing/mod.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { runWords } from "./run.ts";

/** A value of a metric in Prometheus' text; `undefined` if it has none. */
function valueIn(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): number | undefined {
  const line = text.split("\n").find((line) =>
    line.startsWith(`${name}{`) &&
    Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`))
  );
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

/** A mail server with a session, whose first user has used most of the quota. */
async function startServer(place?: { readonly path: string }): Promise<MailServer> {
  const mail = `Subject: x\r\n\r\n${"x".repeat(8000)}\r\n`;
  const server = await startMailServer({
    place,
    users: {
      'al"ice\\': { mailboxes: { INBOX: [mail] }, quota: { bytes: 10_240 } },
      bob: { mailboxes: { INBOX: [mail, mail] }, quota: { bytes: 102_400, messages: 10 } },
      carol: { mailboxes: { INBOX: [] } },
    },
  });
  for (const ip of ["192.0.2.1", "192.0.2.2"]) {
    server.system.sessions.push({ username: "bob", service: "imap", pid: 7, ip });
  }
  return server;
}

function collectorFor(
  server: { readonly url: string },
  errors: QueryName[] = [],
  patience = { probeTimeout: 60_000 },
): Collector {
  const { signal } = new AbortController();
  const chosen = { name: "mx1", url: server.url };
  return new Collector({
    ...{
      server: "mx1",
      quotaUsers: 2,
      mailboxes: ["INBOX"],
      hasReplication: false,
      mailInterval: 0,
      signal,
    },
    // How long a server that is down is tried.
    get probeTimeout() {
      return patience.probeTimeout;
    },
    open: () => openServer(chosen, { signal, timeout: 60_000 }),
    onError: (_, query) => errors.push(query),
  });
}

test("exporter › a server's answers › are metrics in base units", async () => {
  await using server = await startServer();
  const errors: QueryName[] = [];
  const collector = collectorFor(server, errors);
  try {
    await collector.refresh();
    const text = await renderMetrics([collector.snapshot]);
    assert.equal(valueIn(text, "dovecot_up", { server: "mx1" }), 1);
    assert.equal(valueIn(text, "dovecot_sessions", { server: "mx1", service: "imap" }), 2);
    assert.equal(valueIn(text, "dovecot_session_users", { service: "imap" }), 1);
    assert.equal(valueIn(text, "dovecot_quota_limit_bytes", { user: "bob" }), 102_400);
    assert.equal(valueIn(text, "dovecot_quota_limit_messages", { user: "bob" }), 10);
    assert.equal(valueIn(text, "dovecot_quota_used_messages", { user: "bob" }), 2);
    assert.equal(valueIn(text, "dovecot_quota_limit_bytes", { user: 'al\\"ice\\\\' }), 10_240);
    // Only the two next to their limits.
    assert.equal(valueIn(text, "dovecot_quota_used_bytes", { user: "carol" }), undefined);
    assert.equal(valueIn(text, "dovecot_mailbox_messages", { mailbox: "INBOX" }), 3);
    assert(valueIn(text, "dovecot_mailbox_size_bytes", { mailbox: "INBOX" })! > 24_000);
  } finally {
    await collector.close();
  }
});

test("exporter › a server that goes and comes back › is down meanwhile, and has no old values", async () => {
  await using folder = await temporaryFolder();
  const place = { path: join(folder.path, "doveadm-server") };
  const server = await startServer(place);
  const errors: QueryName[] = [];
  const patience = { probeTimeout: 60_000 };
  const collector = collectorFor(server, errors, patience);
  try {
    await collector.refresh();
    await server.close();
    patience.probeTimeout = 300;
    await collector.refresh();
    const down = await renderMetrics([collector.snapshot]);
    assert.equal(valueIn(down, "dovecot_up", {}), 0);
    for (
      const name of ["dovecot_sessions", "dovecot_quota_used_bytes", "dovecot_mailbox_messages"]
    ) {
      assert.equal(valueIn(down, name, {}), undefined, name);
    }
    assert(valueIn(down, "dovewire_exporter_answer_timestamp_seconds", {})! > 1e9);
    assert(errors.length > 0);
    const count = errors.length;
    await collector.refresh();
    assert(errors.length > count);
    assert.equal(
      valueIn(await renderMetrics([collector.snapshot]), "dovewire_exporter_errors_total", {
        query: "connect",
      }),
      errors.filter((query) => query === "connect").length,
    );
    patience.probeTimeout = 60_000;
    await using again = await startMailServer({ system: server.system, place });
    await collector.refresh();
    assert.equal(
      valueIn(await renderMetrics([collector.snapshot]), "dovecot_up", {}),
      1,
      again.url,
    );
  } finally {
    await collector.close();
  }
});

test("exporter › over HTTP › answers GET /metrics from its cache, and refuses the rest", async () => {
  let text = "one 1\n";
  const server = await startHttp({ hostname: "127.0.0.1", port: 0 }, () => encodeUtf8(text));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const metrics = await fetch(`${url}/metrics?x=1`);
    assert.equal(await metrics.text(), text);
    assert.match(metrics.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
    text = "one 2\n";
    assert.equal(await (await fetch(`${url}/`)).text(), text);
    for (const [path, method, status] of [["/x", "GET", 404], ["/metrics", "POST", 405]] as const) {
      const response = await fetch(url + path, { method });
      assert.equal(response.status, status);
      await response.body?.cancel();
    }
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("exporter › 10,000 users in its cache › has all of them in its text", async () => {
  const worst = Array.from({ length: 10_000 }, (_, at): QuotaUse => ({
    ...{ user: `user${at}@example.org`, root: "User quota", usedBytes: at, limitBytes: 1024 ** 3 },
    ...{ usedMessages: at, limitMessages: undefined },
  }));
  const snapshot: ServerSnapshot = {
    ...{ server: "mx1", isUp: true, quota: { worst, users: worst.length }, errors: new Map() },
    ...{ answeredAt: 1, took: 1 },
  };
  let turns = 0;
  let isDone = false;
  const takeTurn = () => {
    turns++;
    if (!isDone) setImmediate(takeTurn);
  };
  takeTurn();
  const text = await renderMetrics([snapshot]);
  isDone = true;
  assert.equal(text.match(/^dovecot_quota_used_bytes\{/gm)?.length, 10_000);
  // Scrapers are answered meanwhile.
  assert(turns > 20, `${turns}`);
});

test("exporter › names that a server makes up › are bounded, and no two are one", async () => {
  const services = Array.from({ length: 5_000 }, (_, at) => [`service${at}`, at] as const);
  const long = "x".repeat(100_000);
  const snapshot: ServerSnapshot = {
    ...{ server: "mx1", isUp: true, errors: new Map(), answeredAt: 1, took: 1 },
    sessions: new Map(services.map(([name, sessions]) => [name, { sessions, users: 1 }])),
    processes: new Map([
      ...["__proto__", "constructor", long].map((it) => [it, { processes: 1, limit: 2 }] as const),
    ]),
    replication: new Map(services),
    quota: {
      users: 1,
      worst: [{
        ...{ user: long, root: long, usedBytes: 1, limitBytes: 1 },
        ...{ usedMessages: undefined, limitMessages: undefined },
      }],
    },
  };
  const text = await renderMetrics([snapshot]);
  assert(text.length < 1_000_000, `${text.length}`);
  assert.equal(text.match(/^dovecot_sessions\{/gm)?.length, 1_000);
  assert.equal(text.match(/^dovecot_replication_requests\{/gm)?.length, 1_000);
  assert.equal(valueIn(text, "dovecot_service_processes", { service: "__proto__" }), 1);
  assert.equal(valueIn(text, "dovecot_service_processes", { service: "constructor" }), 1);
  assert.equal(valueIn(text, "dovecot_quota_used_bytes", { user: `${"x".repeat(1_000)}…` }), 1);
});

/** Sends text to a port of 127.0.0.1; resolves to what is answered until the connection is closed. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connectSocket({ host: "127.0.0.1", port }, () => socket.write(text));
    socket.setEncoding("utf8").on("data", (chunk) => answer += chunk);
    // What was answered before it counts.
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}

test("exporter › requests that are odd › get an answer, or none, and the next one is answered", async () => {
  const server = await startHttp({ hostname: "127.0.0.1", port: 0 }, () => encodeUtf8("one 1\n"));
  const { port } = server.address() as AddressInfo;
  const host = "Host: x\r\nConnection: close\r\n\r\n";
  const cases: readonly (readonly [request: string, answer: RegExp])[] = [
    [`GET http://mx1:9166/metrics HTTP/1.1\r\n${host}`, /^HTTP\/1.1 200 [^]*one 1\n/],
    [`GET HTTPS://mx1?x HTTP/1.1\r\n${host}`, /^HTTP\/1.1 404 /],
    [`HEAD /metrics HTTP/1.1\r\n${host}`, /^HTTP\/1.1 200 (?![^]*one 1)/],
    [`GET /metrics HTTP/1.0\r\n\r\n`, /^HTTP\/1.1 200 /],
    [`GET //metrics HTTP/1.1\r\n${host}`, /^HTTP\/1.1 404 /],
    [`GET /metrics/../x%00 HTTP/1.1\r\n${host}`, /^HTTP\/1.1 404 /],
    // Bun refuses it itself.
    [`OPTIONS * HTTP/1.1\r\n${host}`, /^HTTP\/1.1 40[05] /],
    [`DELETE /metrics HTTP/1.1\r\n${host}`, /^HTTP\/1.1 405 /],
    [`POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n${host}hello`, /^HTTP\/1.1 405 /],
    ["\x16\x03\x01\0\0", /^(HTTP\/1.1 400 |$)/],
    ["GET /metrics HTTP/9.9\r\n\r\n", /^(HTTP\/1.1 [45]|$)/],
    [`GET /metrics HTTP/1.1\r\nX: ${"x".repeat(1_000_000)}\r\n${host}`, /^(HTTP\/1.1 4|$)/],
    ["CONNECT mx1:80 HTTP/1.1\r\nHost: x\r\n\r\n", /^(HTTP\/1.1 4|$)/],
  ];
  try {
    for (const [request, answer] of cases) {
      const what = JSON.stringify(request.slice(0, 80));
      assert.match(await exchange(port, request), answer, what);
      assert.match(await exchange(port, `GET /metrics HTTP/1.1\r\n${host}`), /one 1/, what);
    }
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("exporter › scrapers that don't read › share one text, and others are answered", async () => {
  const text = encodeUtf8("x 1\n".repeat(4_000_000));
  const server = await startHttp({ hostname: "127.0.0.1", port: 0 }, () => text);
  const { port } = server.address() as AddressInfo;
  const slow: Socket[] = [];
  try {
    const before = process.memoryUsage();
    for (let count = 0; count < 30; count++) {
      const socket = connectSocket({ host: "127.0.0.1", port });
      slow.push(socket);
      socket.on("error", () => {});
      socket.pause();
      await new Promise<void>((resolve) => {
        socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", () => resolve());
      });
    }
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.equal((await response.arrayBuffer()).byteLength, text.length);
    const { rss } = process.memoryUsage();
    // Thirty copies would be 480 MB; Bun's own server makes them.
    const isBun = "Bun" in globalThis;
    assert(isBun || rss - before.rss < 300_000_000, `${(rss - before.rss) / 1e6} MB`);
  } finally {
    for (const socket of slow) socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("exporter › a port that is in use › is a mistake of the command line", async () => {
  const server = await startHttp({ hostname: "127.0.0.1", port: 0 }, () => encodeUtf8(""));
  const { port } = server.address() as AddressInfo;
  try {
    const { code, errors } = await runWords([
      ...["exporter", "--listen", `127.0.0.1:${port}`, "--server", "/nonexistent/server"],
    ]);
    assert.equal(code, 64);
    assert.match(errors, /The exporter can't listen: .*in use/i);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("exporter › a server that refuses who › is up, and the rest has values", async () => {
  await using folder = await temporaryFolder();
  await using backend = await startServer();
  const handler = mailHandler(backend.system);
  const path = join(folder.path, "doveadm-server");
  await using _server = await serve({ path, mode: 0o600 }, (request) => {
    if (request.name === "who") throw new CommandFailure("NOPERM");
    return handler(request);
  });
  const errors: QueryName[] = [];
  const collector = collectorFor({ url: `doveadm+unix://${path}` }, errors);
  try {
    await collector.refresh();
    const text = await renderMetrics([collector.snapshot]);
    assert.equal(valueIn(text, "dovecot_up", {}), 1);
    assert.equal(valueIn(text, "dovecot_sessions", {}), undefined);
    assert.equal(valueIn(text, "dovecot_quota_used_messages", { user: "bob" }), 2);
    assert.equal(errors[0], "sessions");
  } finally {
    await collector.close();
  }
});

test("exporter › printed once › has a server's values, or that it is down", async () => {
  const { output, code } = await runWords([
    ...["exporter", "--once", "--server", "/nonexistent/doveadm-server"],
  ]);
  assert.equal(valueIn(output, "dovecot_up", {}), 0);
  assert.equal(code, 0);
  const { code: wrong, errors } = await runWords(["exporter", "--listen", "9166"]);
  assert.equal(wrong, 64, errors);
});
