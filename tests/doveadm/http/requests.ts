/**
 * Requests to the HTTP API, as tests make them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { HttpApi, type HttpApiOptions } from "../../../doveadm/http/api.ts";
import { CallDeadline, type CallDeadlineOptions } from "../../../doveadm/http/call_deadline.ts";
import { type HttpMethod, listCommands } from "../../../doveadm/http/command_list.ts";
import { HttpEndpoint, type HttpEndpointOptions } from "../../../doveadm/http/endpoint.ts";
import { exchange, type HttpEvent } from "../../../doveadm/http/exchange.ts";
import type { HttpCommand } from "../../../doveadm/http/request_body.ts";

/** Options of an API and of its endpoint. */
export type ApiOptions = HttpApiOptions & Partial<HttpEndpointOptions>;

/** The API at a URL. */
export function apiAt(url: URL, options: ApiOptions = {}): HttpApi {
  return new HttpApi(new HttpEndpoint({ url, ...options }), options);
}

/** Options of a request. */
export type RequestOptions = Partial<CallDeadlineOptions>;

function deadlineFor(api: HttpApi, options: RequestOptions = {}): CallDeadline {
  return new CallDeadline({ timeout: 60_000, peer: api.endpoint.peer, ...options });
}

/** The events of commands. */
export async function* eventsFor(
  api: HttpApi,
  commands: readonly HttpCommand[],
  options?: RequestOptions,
): AsyncGenerator<HttpEvent, void, void> {
  const deadline = deadlineFor(api, options);
  try {
    for await (const events of exchange(api, commands, deadline)) {
      for (const event of events) yield event;
    }
  } finally {
    deadline.stop();
  }
}

/** The list of commands. */
export async function listFor(api: HttpApi): Promise<readonly HttpMethod[]> {
  const deadline = deadlineFor(api);
  return await listCommands(api, deadline).finally(() => deadline.stop());
}

/** Fails if an error shows any of the texts: in its message, its stack, or a cause, at any depth. */
export function assertShowsNone(error: unknown, secrets: readonly string[]): void {
  const shown = inspect(error, { depth: Infinity, showHidden: true, maxStringLength: Infinity });
  for (const secret of secrets) {
    assert(!shown.includes(secret), `${JSON.stringify(secret)} is shown: ${shown}`);
  }
}
