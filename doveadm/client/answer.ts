/**
 * A server's answer: a reply and its log.
 *
 * @module
 */

import type { DoveadmReply, LogLine } from "../../core/doveadm/mod.ts";
import type { DoveadmAnswer } from "./request.ts";

/** The answer of a reply and of the log lines before it. The fields are decoded on first use, as the reply's. */
export function answerOf(reply: DoveadmReply, log: readonly LogLine[]): DoveadmAnswer {
  const { type, id, detail } = reply;
  const status = reply.ok ? { ok: true } as const : { ok: false, code: reply.code } as const;
  return {
    ...{ type, id, detail, log, ...status },
    get fields(): readonly string[] {
      return reply.fields;
    },
    get rawFields(): readonly Uint8Array[] {
      return reply.rawFields;
    },
  };
}
