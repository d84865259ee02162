/**
 * Results as texts in Redis.
 *
 * @module
 */

import { DovewireError, encodeUtf8, messageOf } from "@dovewire/dovewire/core";
import type { SweepResult } from "@dovewire/dovewire/sweep";
import { FleetError } from "./fleet_error.ts";
import type { FleetResult, FleetResultError } from "./fleet_options.ts";

/** A result as a text, and what Redis has to know of it. */
export interface EncodedResult {
  readonly index: number;
  readonly isFailure: boolean;
  readonly text: string;
}

/** How many characters of an error's texts are left if it is too large. */
const shownOfError = 1000;

/**
 * A result as a text of so many bytes at most, if its user's name leaves room: one that has more, or isn't for JSON,
 * becomes a failure, so that Redis takes it.
 */
export function encodeResult(
  result: SweepResult<unknown>,
  index: number,
  maxBytes: number,
): EncodedResult {
  const { user } = result;
  const failure = (sent: boolean, error: FleetResultError): EncodedResult => ({
    ...{ index, isFailure: true },
    text: JSON.stringify({ ok: false, user, index, sent, error }),
  });
  if (!result.ok) {
    const error = errorOf(result.error);
    const whole = failure(result.sent, error);
    return isTooLarge(whole.text, maxBytes) ? failure(result.sent, shortened(error)) : whole;
  }
  let text: string;
  try {
    text = JSON.stringify({ ok: true, user, index, value: result.value ?? null });
  } catch (error) {
    const message = `What the work returned is not for JSON: ${messageOf(error)}`;
    return failure(true, shortened({ name: "TypeError", code: "other", message }));
  }
  if (!isTooLarge(text, maxBytes)) return { index, isFailure: false, text };
  const { name, code, message } = new FleetError(
    `What the work returned has more than ${maxBytes} bytes as JSON. Let it return less, or raise "maxResultBytes".`,
  );
  return failure(true, { name, code, message });
}

/** A result as it was before {@linkcode encodeResult}. Throws a `FleetError` for any other text. */
export function decodeResult<Value>(text: string): FleetResult<Value> {
  let result: unknown;
  try {
    result = JSON.parse(text);
  } catch {
    // Not JSON.
  }
  if (isResult(result)) return result as FleetResult<Value>;
  throw new FleetError(
    "Redis has a result that no worker wrote. Let nothing else use the keys of a fleet.",
    { sent: true },
  );
}

function isResult(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { ok, user, index, error } = value as Readonly<Record<string, unknown>>;
  if (typeof user !== "string" || typeof index !== "number") return false;
  return ok === true || (ok === false && typeof error === "object" && error !== null);
}

function isTooLarge(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  // A UTF-16 code unit has three bytes at most.
  return text.length * 3 > maxBytes && encodeUtf8(text).length > maxBytes;
}

function errorOf(error: Error): FleetResultError {
  const code = error instanceof DovewireError ? error.code : "other";
  return { name: nameOf(error), code, message: messageOf(error) };
}

/** An error's name, whatever its class has made of it: what isn't for JSON would fail the job. */
function nameOf(error: Error): string {
  try {
    return String(error.name);
  } catch {
    return "Error";
  }
}

function shortened({ name, code, message }: FleetResultError): FleetResultError {
  const short = (text: string) =>
    text.length <= shownOfError ? text : `${text.slice(0, shownOfError)}…`;
  return { name: short(name), code: short(code), message: short(message) };
}
