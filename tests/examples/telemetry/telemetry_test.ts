/** The examples that feed OpenTelemetry and Prometheus. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { Registry } from "prom-client";
import { spansOf } from "../../../examples/telemetry/open_telemetry.ts";
import { metricsOf } from "../../../examples/telemetry/prometheus.ts";
import { connect, Doveadm } from "../../../mod.ts";
import { startMailServer } from "../../../testing/mod.ts";

const users = { alice: { mailboxes: { INBOX: [] } }, bob: {} };

test("examples/telemetry › spans of calls › have the caller's span as parent, and the error's code", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  try {
    const tracer = provider.getTracer("test");
    await using server = await startMailServer({ users });
    await using doveadm = connect(server.url, {
      password: server.password,
      onEvent: spansOf(tracer),
    });
    const request = tracer.startSpan("request");
    await context.with(trace.setSpan(context.active(), request), async () => {
      // Those that wait for others, too.
      const names = ["alice", "alice", "bob", "nobody"];
      const calls = names.map((user) => doveadm.run("mailbox list", { user }));
      const outcomes = await Promise.allSettled(calls);
      assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 3);
    });
    request.end();
    const spans = exporter.getFinishedSpans().filter(({ name }) => name !== "request");
    assert.equal(spans.length, 4);
    for (const span of spans) {
      assert.equal(span.name, "doveadm mailbox list");
      assert.equal(span.parentSpanContext?.spanId, request.spanContext().spanId);
      assert.deepEqual(span.events.map(({ name }) => name).slice(0, 1), ["sent"]);
      const isKnown = span.attributes["user.name"] !== "nobody";
      assert.equal(span.attributes["error.type"], isKnown ? undefined : "NOUSER");
      assert.equal(span.status.code, isKnown ? SpanStatusCode.UNSET : SpanStatusCode.ERROR);
    }
    await provider.shutdown();
  } finally {
    context.disable();
  }
});

test("examples/telemetry › metrics of a client › have its connections and calls", async () => {
  const register = new Registry();
  await using server = await startMailServer({ users });
  await using doveadm: Doveadm = new Doveadm(server.url, {
    ...{ password: server.password, spares: 0 },
    onEvent: metricsOf(() => doveadm.stats(), register),
  });
  await Promise.all(["alice", "bob"].map((user) => doveadm.run("mailbox list", { user })));
  await assert.rejects(doveadm.run("mailbox list", { user: "nobody" }));
  await doveadm.run("service status").catch(() => {});
  const lines = (await register.metrics()).split("\n");
  for (
    const line of [
      'doveadm_connections{state="idle",kind="mail"} 2',
      'doveadm_connections{state="running",kind="mail"} 0',
      "doveadm_calls_queued 0",
      'doveadm_call_seconds_count{command="mailbox list",outcome="answered"} 2',
      'doveadm_call_seconds_count{command="mailbox list",outcome="NOUSER"} 1',
    ]
  ) {
    assert(lines.includes(line), `${line} isn't in\n${lines.join("\n")}`);
  }
  assert(lines.some((line) => line.startsWith("doveadm_connections_closed_total{reason=")));
});
