/**
 * Makes an OpenTelemetry span of each call of a client, from its events.
 *
 * ```ts ignore
 * import { trace } from "@opentelemetry/api";
 *
 * const doveadm = connect(url, { password, onEvent: spansOf(trace.getTracer("mail")) });
 * ```
 *
 * @module
 */

import { type Span, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { DovewireError, type EndedEvent, type PoolEvent } from "../../mod.ts";

/** Returns a listener for `onEvent` that makes the spans. */
export function spansOf(tracer: Tracer): (event: PoolEvent) => void {
  const spans = new Map<string, Span>();
  return (event) => {
    if (!("call" in event)) return;
    const { peer, call, command, user } = event;
    // Each server counts its own calls.
    const key = `${peer} ${call}`;
    if (event.type === "queued") {
      // In the context of the call, so that its active span becomes the parent.
      const span = tracer.startSpan(`doveadm ${command}`, {
        kind: SpanKind.CLIENT,
        attributes: { "server.address": peer, "doveadm.command": command },
      });
      if (user !== undefined) span.setAttribute("user.name", user);
      spans.set(key, span);
      return;
    }
    const span = spans.get(key);
    if (event.type === "started") {
      span?.addEvent("sent", { connection: event.connection, "waited.ms": event.waited });
    } else if (event.type === "retried") {
      span?.addEvent("retried", { attempts: event.attempts, reason: event.reason });
    } else if (span !== undefined) {
      spans.delete(key);
      end(span, event);
    }
  };
}

function end(span: Span, { error }: EndedEvent): void {
  if (error !== undefined) {
    const known = error instanceof DovewireError ? error : undefined;
    span.setAttribute("error.type", known?.code ?? "other");
    if (known !== undefined) span.recordException(known);
    span.setStatus({ code: SpanStatusCode.ERROR, message: known?.message });
  }
  span.end();
}
