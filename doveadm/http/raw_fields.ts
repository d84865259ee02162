/**
 * The fields that the values of a JSON answer would be over TCP.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/mod.ts";
import { keysAsAsked } from "../../core/doveadm/catalogue/columns.ts";
import { findCommand, type ParameterValues } from "../../core/doveadm/catalogue/mod.ts";
import type { HttpEvent } from "./exchange.ts";
import type { HttpCommand } from "./request_body.ts";

/**
 * The keys of a row's values, if the command asks for a field more than once, in whatever case: over HTTP a row has
 * it once, and over TCP as often as it was asked for.
 */
export function repeatedKeys({ name, parameters }: HttpCommand): readonly string[] | undefined {
  const { columns } = findCommand(name ?? "") ?? {};
  const keys = keysAsAsked(columns?.["2.4"] ?? columns?.["2.3"], parameters as ParameterValues)
    ?.map((key) => key.toLowerCase());
  return keys === undefined || new Set(keys).size === keys.length ? undefined : keys;
}

/** The fields of an event; `keys` are those of {@linkcode repeatedKeys}. */
export function fieldsOf(
  event: HttpEvent & { type: "row" | "end" },
  keys: readonly string[] | undefined,
): Uint8Array[] {
  if (event.type === "end") return event.value === undefined ? [] : [fieldOf(event.value)];
  const { row } = event;
  const hasAll = keys?.every((key) => Object.hasOwn(row, key));
  return (hasAll ? keys!.map((key) => row[key]) : Object.values(row)).map(fieldOf);
}

function fieldOf(value: unknown): Uint8Array {
  const isNested = typeof value === "object" && value !== null;
  return encodeUtf8(isNested ? JSON.stringify(value) : String(value ?? ""));
}
