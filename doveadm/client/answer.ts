/**
 * A server's answer: a reply and its log.
 *
 * @module
 */

import type {
  DoveadmFailure,
  DoveadmReply,
  DoveadmSuccess,
  LogLine,
} from "../../core/doveadm/mod.ts";
import { encodeUtf8 } from "../../core/bytes.ts";
import { LazyReply, nodeInspect } from "../../core/doveadm/reply.ts";
import { tabEscape } from "../../core/doveadm/tab_escape.ts";
import type { DoveadmAnswer } from "./request.ts";

/** The answer of a reply and of the log lines before it. The fields are decoded on first use, as the reply's. */
export function answerOf(reply: DoveadmReply, log: readonly LogLine[]): DoveadmAnswer {
  return reply.ok ? new SuccessAnswer(reply, log) : new FailureAnswer(reply, log);
}

/**
 * What all answers have. A class, since getters of an object's own take long to create. JSON and `console.log` show
 * the fields as texts.
 */
abstract class Answer {
  readonly type = "reply";
  readonly id: number;
  readonly detail: string;
  readonly log: readonly LogLine[];
  readonly #reply: DoveadmReply;

  constructor(reply: DoveadmReply, log: readonly LogLine[]) {
    this.id = reply.id;
    this.detail = reply.detail;
    this.log = log;
    this.#reply = reply;
  }

  get fields(): readonly string[] {
    return this.#reply.fields;
  }

  get rawFields(): readonly Uint8Array[] {
    return this.#reply.rawFields;
  }

  toJSON(): object {
    return { ...this, fields: this.fields };
  }

  [nodeInspect](): object {
    return this.toJSON();
  }

  /** See {@linkcode escapedFieldsOf}. */
  get escapedFields(): Uint8Array | undefined {
    return this.#reply instanceof LazyReply ? this.#reply.escapedFields : undefined;
  }
}

/** The fields of a connection's answer as on the wire, to be taken before they are taken in another way. */
export function escapedFieldsOf(answer: DoveadmAnswer): Uint8Array {
  const escaped = answer instanceof Answer ? answer.escapedFields : undefined;
  return escaped ?? encodeUtf8(answer.fields.map((field) => `${tabEscape(field)}\t`).join(""));
}

class SuccessAnswer extends Answer implements DoveadmSuccess {
  readonly ok = true;
}

class FailureAnswer extends Answer implements DoveadmFailure {
  readonly ok = false;
  readonly code: string;

  constructor(reply: DoveadmFailure, log: readonly LogLine[]) {
    super(reply, log);
    this.code = reply.code;
  }
}
