/**
 * The embedded server's side: runs commands without a socket.
 *
 * @module
 */

import { concat, encodeUtf8 } from "../../../core/mod.ts";
import { CommandFailure } from "../../../doveadm/server/command_failure.ts";
import type { DoveadmHandler, ReplyField, ServerRequest } from "../../../doveadm/server/handler.ts";
import type { Ask, Question } from "./question.ts";

/** Calls a handler, and converts its results and errors to the answer that a server would send. */
export function askHandler(handler: DoveadmHandler): Ask {
  return async (question) => {
    const log: string[] = [];
    const fields: Uint8Array[] = [];
    let result = "+";
    try {
      const given = await handler(requestFor(question, log));
      for await (const field of given ?? []) fields.push(await bytesOf(field));
    } catch (error) {
      const isFailure = error instanceof CommandFailure;
      const { code, detail } = isFailure ? error : { code: "TEMPFAIL", detail: "" };
      result = `-${code}${detail === "" ? "" : ` ${detail}`}`;
      const reason = isFailure ? error.log : error instanceof Error ? error.stack : String(error);
      if (reason !== undefined) log.push(`error: ${reason}`);
    }
    return { result, fields, log };
  };
}

function requestFor({ name, args, user, input }: Question, log: string[]): ServerRequest {
  return {
    name,
    args,
    user,
    verbosity: undefined,
    extraFields: {},
    hasInput: input !== undefined,
    input: inPieces(input ?? new Uint8Array()),
    signal: new AbortController().signal,
    client: { address: "memory", username: undefined, minor: 2 },
    log: (level, message) => {
      log.push(`${level}: ${message}`);
    },
  };
}

/** An input in arbitrary pieces. */
async function* inPieces(input: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < input.length; at += 1000) {
    await Promise.resolve();
    yield input.slice(at, at + 1000);
  }
}

async function bytesOf(field: ReplyField): Promise<Uint8Array> {
  if (typeof field === "string") return encodeUtf8(field);
  if (field instanceof Uint8Array) return field;
  if ("text" in field) return encodeUtf8(field.text);
  const pieces: Uint8Array[] = [];
  for await (const piece of field) pieces.push(piece);
  return concat(pieces);
}
