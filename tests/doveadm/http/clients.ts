/**
 * Clients of the HTTP API for tests, and what they are given.
 *
 * @module
 */

import assert from "node:assert/strict";
import { before } from "node:test";
import {
  CommandError,
  DoveadmHttp,
  type DoveadmHttpOptions,
  type DovewireError,
} from "../../../mod.ts";
import type { Dovecot } from "../../harness/dovecot/dovecot.ts";
import { listen, type SocketServer } from "../../harness/sockets.ts";
import { warmUpFetch } from "./warm_up.ts";

/** A body in small pieces, whatever the runtime's are, and how much of it was asked for. */
export function inPieces(
  body: ReadableStream<Uint8Array>,
  onRead: (size: number) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let rest: Uint8Array = new Uint8Array(0);
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      if (rest.length === 0) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        rest = value;
      }
      const piece = rest.slice(0, 4096);
      rest = rest.subarray(piece.length);
      onRead(piece.length);
      controller.enqueue(piece);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

export const rowsOfLarge = 3000;
export const mail = {
  alice: {
    INBOX: ["Lunch?", "Minutes", "Grüße"].map((subject) => `Subject: ${subject}\n\nHello.\n`),
    Sent: [],
    Projects: [],
    Large: Array.from({ length: rowsOfLarge }, (_, at) => `Subject: ${at}\n\nHello.\n`),
  },
  bob: { INBOX: ["Subject: For Bob\n\nHello.\n"] },
};

/** A client that tells which requests it made: how many commands each had, or "list". */
interface Counting {
  readonly http: DoveadmHttp;
  readonly requests: (number | "list")[];
}

export function counting(target: string, options: DoveadmHttpOptions = {}): Counting {
  const requests: (number | "list")[] = [];
  const http = new DoveadmHttp(target, {
    ...options,
    fetch(input, init): Promise<Response> {
      const { body } = init!;
      requests.push(
        body ? JSON.parse(new TextDecoder().decode(body as Uint8Array)).length : "list",
      );
      return fetch(input, init);
    },
  });
  return { http, requests };
}

export function clientOf(
  { httpPort, password }: Dovecot,
  options: DoveadmHttpOptions = {},
): Counting {
  return counting(`http://127.0.0.1:${httpPort}`, { password, ...options });
}

/** The error that something rejects with, which is one of ours and shows no secret. */
export async function errorOf<E extends DovewireError>(
  work: Promise<unknown>,
  kind: new (...args: never[]) => E,
): Promise<E> {
  const error = await work.then(() => assert.fail("it went well"), (error) => error);
  assert(error instanceof kind, String(error));
  assert(!error.message.includes("s3cret") && !error.message.includes("k3y"), error.message);
  return error;
}

export async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export const messages = { field: ["messages"], mailboxMask: ["INBOX"] } as const;
export const inbox = (count: number) => [{ mailbox: "INBOX", messages: count }];

/** The outcome of each call, in short. */
export function told(outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return outcomes.map((outcome) =>
    outcome.status === "fulfilled"
      ? outcome.value
      : outcome.reason instanceof CommandError
      ? outcome.reason.code
      : (outcome.reason as Error).name
  );
}

/** A server that answers nothing, and tells when the first request is there. */
interface Silence extends Pick<SocketServer, "dropUnused">, AsyncDisposable {
  readonly url: string;
  readonly asked: Promise<void>;
}

export async function silence(): Promise<Silence> {
  let wake = () => {};
  const asked = new Promise<void>((resolve) => wake = resolve);
  const server = await listen("tcp", (socket) => {
    socket.on("data", () => wake());
    socket.on("end", () => socket.end());
  });
  assert(server.address.transport === "tcp");
  return {
    url: `http://127.0.0.1:${server.address.port}`,
    asked,
    dropUnused: () => server.dropUnused(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

before(warmUpFetch);

export function failingInput(): AsyncIterable<string> {
  return (async function* () {
    yield "Subject: x\n\n";
    await Promise.resolve();
    throw new Error("no more input");
  })();
}

export async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (const byte of bytes) {
    await Promise.resolve();
    yield Uint8Array.of(byte);
  }
}
