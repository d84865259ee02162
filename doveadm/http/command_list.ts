/**
 * The list of commands that a server offers: `GET /doveadm/v1`.
 *
 * @module
 */

import type { RemoteProtocolError } from "../../core/mod.ts";
import type { HttpApi } from "./api.ts";
import type { CallDeadline } from "./call_deadline.ts";
import { JsonValue } from "./json_value.ts";
import type { HttpLimits } from "./limits.ts";
import { answerError, type HttpRequest } from "./request_errors.ts";

/** A command that a server offers. */
export interface HttpMethod {
  /** Its name in the API: "mailboxStatus". */
  readonly command: string;
  /** Its parameters. */
  readonly parameters: readonly HttpMethodParameter[];
}

/** A parameter of an {@linkcode HttpMethod}. */
export interface HttpMethodParameter {
  /** Its name in the API. */
  readonly name: string;
  /** "string", "boolean", "integer" or "array". */
  readonly type: string;
}

/**
 * Requests the list of commands that a server offers. Rejects with what {@linkcode HttpApi.open} rejects
 * with, and with a `RemoteProtocolError` for an invalid list, or one over the limit of a reply.
 */
export async function listCommands(
  api: HttpApi,
  deadline: CallDeadline,
): Promise<readonly HttpMethod[]> {
  const request: HttpRequest = { endpoint: api.endpoint, commands: [], body: undefined };
  const noJson = () => answerError("it is not JSON", request);
  const body = await api.open(request, deadline);
  const json = new JsonValue();
  try {
    for (let chunk; (chunk = await body.next()) !== undefined;) {
      const end = json.isWhole ? 0 : json.read(chunk, 0);
      if (json.size > api.limits.reply) throw overLimit(api, request, "reply", "bytes");
      if (json.values > api.limits.values) throw overLimit(api, request, "values", "values");
      if (json.isTooDeep || json.isWhole && !isBlank(chunk, end)) throw noJson();
    }
  } finally {
    body.close();
  }
  let list: unknown;
  try {
    list = json.parse();
  } catch {
    throw noJson();
  }
  const methods = Array.isArray(list) ? list.map(methodOf) : [undefined];
  if (methods.includes(undefined)) {
    throw answerError("it is not a list of commands and their parameters", request);
  }
  return methods as readonly HttpMethod[];
}

function overLimit(
  { limits }: HttpApi,
  request: HttpRequest,
  limit: keyof HttpLimits,
  unit: string,
): RemoteProtocolError {
  const what = `it has more than ${limits[limit]} ${unit}. Raise "limits.${limit}"`;
  return answerError(what, request, { limit });
}

/** Whether there is only white space from `start` on. */
function isBlank(chunk: Uint8Array, start: number): boolean {
  return chunk.subarray(start).every((byte) =>
    byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
  );
}

function methodOf(value: unknown): HttpMethod | undefined {
  const { command, parameters } = ownOf(value, "command", "parameters");
  if (typeof command !== "string" || !Array.isArray(parameters)) return undefined;
  const known = parameters.map(parameterOf);
  return known.includes(undefined)
    ? undefined
    : { command, parameters: known as HttpMethodParameter[] };
}

function parameterOf(value: unknown): HttpMethodParameter | undefined {
  const { name, type } = ownOf(value, "name", "type");
  return typeof name === "string" && typeof type === "string" ? { name, type } : undefined;
}

/** The own properties of a JSON value; none if it is not an object. */
function ownOf<Name extends string>(
  value: unknown,
  ...names: readonly Name[]
): Partial<Record<Name, unknown>> {
  const own: Partial<Record<Name, unknown>> = {};
  if (typeof value !== "object" || value === null) return own;
  for (const name of names) {
    if (Object.hasOwn(value, name)) own[name] = (value as Record<Name, unknown>)[name];
  }
  return own;
}
