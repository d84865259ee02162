/**
 * Sends commands to a server's HTTP API.
 *
 * @module
 */

import type { DovecotVersion } from "../../../core/doveadm/catalogue/mod.ts";
import { codeOfExit } from "../../../core/doveadm/exit_codes.ts";
import { concat, decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";
import { exchange, type HttpResponse } from "../../harness/http_exchange.ts";
import { inHttp, TAG } from "./http_question.ts";
import type { Answer, Question } from "./question.ts";

/** Where a server's HTTP API is. */
export interface HttpApi {
  readonly port: number;
  readonly apiKey: string;
  readonly version: DovecotVersion;
  /** What the server has logged since the last call, where a connection ended without a response. */
  readonly readLog?: () => Promise<readonly string[]>;
}

/** Sends commands to a server, one at a time, each on a connection of its own. */
export class HttpClient {
  readonly #api: HttpApi;

  /** Creates one for an API. */
  constructor(api: HttpApi) {
    this.#api = api;
  }

  /** Sends a command. */
  async ask(question: Question): Promise<Answer> {
    const { port, apiKey, version, readLog } = this.#api;
    const { batch } = question.batch === undefined ? inHttp(question, version)! : question;
    const body = encodeUtf8(batch!);
    const head = [
      ...["POST /doveadm/v1 HTTP/1.1", "Host: localhost", "Connection: close"],
      `Authorization: X-Dovecot-API ${btoa(apiKey)}`,
      // Dovecot ignores this.
      "Prefer: doveadm-log",
      ...["Content-Type: application/json", `Content-Length: ${body.length}`, "", ""],
    ];
    const response = await exchange(port, concat([encodeUtf8(head.join("\r\n")), body]));
    if (response !== undefined) return answerOf(response);
    return { result: "lost", fields: [], log: await readLog?.() ?? [] };
  }
}

function answerOf({ status, headers, body }: HttpResponse): Answer {
  const text = decodeUtf8(body);
  const type = headers.get("content-type");
  // A process of 2.4 that ends closes the connection, sometimes with these words.
  if (text.trim() === "Client disconnected") return { result: "lost", fields: [], log: [] };
  if (status !== 200) {
    return { result: `-${status} ${text.trim()}, ${type}`, fields: [], log: [] };
  }
  const [answer] = JSON.parse(text);
  // 2.3 answers nothing to an input that is no string.
  if (answer === undefined) return { result: "lost", fields: [], log: [] };
  const [kind, value, tag, extra] = answer;
  const log: readonly { level: string; message: string }[] = extra?.log ?? [];
  const lines = log.map(({ level, message }) => `${level}: ${message}`);
  const isUsual = tag === TAG && type === "application/json; charset=utf-8";
  const how = isUsual ? "" : ` ${JSON.stringify([tag, type])}`;
  if (kind === "error") {
    const reason = value.type === "exitCode" ? codeOfExit(value.exitCode) : value.type;
    return { result: `-${reason}${how}`, fields: [], log: lines };
  }
  const rows: readonly unknown[] = Array.isArray(value) ? value : [JSON.stringify(value)];
  const titles = new Set(rows.map((row) => row instanceof Object ? Object.keys(row).join() : ""));
  return {
    result: `+${how}`,
    titles: [...titles].join("|"),
    fields: rows.flatMap(valuesOf).map((field) => encodeUtf8(String(field))),
    log: lines,
  };
}

function valuesOf(row: unknown): readonly unknown[] {
  return row instanceof Object ? Object.values(row) : [row];
}
