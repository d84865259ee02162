/**
 * A Worker that sends a test's requests to a server, with a new client for each one.
 *
 * @module
 */

import { Doveadm, type DoveadmOptions, type DoveadmRequest } from "../../mod.ts";
import { connect } from "../../transports/cloudflare.ts";

/** What the Worker is asked: a target, requests to send one after the other, and how. */
export interface Questions {
  /** The server. */
  readonly target: string;
  /** The client's options. */
  readonly options: DoveadmOptions;
  /** Requests; their inputs are strings. */
  readonly requests: readonly DoveadmRequest[];
  /** Whether they are streamed: the answers are the fields' sizes then. */
  readonly isStreamed?: boolean;
  /** How long each may take, in milliseconds. */
  readonly timeout?: number;
}

/** What became of a request: its fields, or the error. */
export type WorkerAnswer =
  | { readonly fields: readonly string[] }
  | { readonly sizes: readonly number[] }
  | { readonly name: string; readonly code?: string; readonly message: string };

async function ask(
  doveadm: Doveadm,
  questions: Questions,
  request: DoveadmRequest,
): Promise<WorkerAnswer> {
  const { isStreamed, timeout } = questions;
  try {
    if (!isStreamed) return { fields: (await doveadm.send(request, { timeout })).fields };
    const sizes: number[] = [];
    for await (const field of doveadm.stream(request, { timeout })) {
      sizes.push((await field.text()).length);
    }
    return { sizes };
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    return { name, message, code };
  }
}

/** The Worker. */
const worker: { fetch(request: Request): Promise<Response> } = {
  async fetch(request) {
    const questions: Questions = await request.json();
    await using doveadm = new Doveadm(questions.target, {
      ...questions.options,
      connector: connect,
    });
    const answers: WorkerAnswer[] = [];
    for (const each of questions.requests) answers.push(await ask(doveadm, questions, each));
    return Response.json(answers);
  },
};

// What a module has as default is the Worker that it is.
export default worker;
