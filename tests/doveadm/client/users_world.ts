/**
 * Servers in memory that answer for many users as a test wants, over doveadm's own protocol and over HTTP.
 *
 * @module
 */

import assert from "node:assert/strict";
import { decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";
import { exitCode } from "../../../core/doveadm/mod.ts";
import {
  Doveadm,
  type DoveadmClient,
  DoveadmHttp,
  type DovewireError,
  PartialFailure,
} from "../../../mod.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { type Transport, TransportError } from "../../../transports/transport.ts";

/**
 * What a command gets for a user: mailboxes, a code, a connection that ends without an answer, or nothing
 * at all as long as the client waits.
 */
export type Reply = readonly string[] | { readonly code: string } | "lost" | "silence";

/** A server's users, and what it answers. */
export interface World {
  /** The users that it lists. */
  readonly users?: readonly string[];
  /** The code with which the listing fails, after its names. */
  readonly listing?: string;
  /** The reply for a user, to "mailbox list" and whatever else acts on mail. */
  readonly reply: (user: string) => Reply | Promise<Reply>;
  /** Whether it can't be reached any more. */
  readonly isDown?: () => boolean;
}

/** What a server saw. */
export interface Seen {
  /** The users that commands were for, in the order in which these began. */
  readonly users: string[];
  /** The inputs that came, by user. */
  readonly inputs: Map<string, string>;
  /** How many commands each request had; one each over doveadm's own protocol. */
  readonly requests: number[];
  /** How many requests ran at once at most. */
  most: number;
  /** How many run now. */
  running: number;
}

/** The ways to a server. */
export const ways = ["TCP", "HTTP"] as const;

/** A way to a server. */
export type Way = (typeof ways)[number];

/** Options that both clients have. */
export interface ClientOptions {
  readonly maxConnections?: number;
  readonly timeout?: number;
  readonly limits?: { readonly reply?: number; readonly values?: number };
}

/** A client of such a server. */
export function clientOf(
  way: Way,
  world: World,
  options: ClientOptions = {},
): { readonly client: DoveadmClient; readonly seen: Seen } {
  const seen: Seen = { users: [], inputs: new Map(), requests: [], most: 0, running: 0 };
  const settings = { timeout: 120_000, ...options };
  const client = way === "TCP"
    ? new Doveadm({ path: "/server" }, {
      ...settings,
      maxMinor: 0,
      connector: (address) => {
        if (world.isDown?.()) {
          const error = new TransportError("refused", `Cannot connect to ${address.transport}.`);
          return Promise.reject(error);
        }
        const [here, there] = memoryPair();
        void serveTcp(there, world, seen);
        return Promise.resolve(here);
      },
    })
    : new DoveadmHttp("http://127.0.0.1:9/", {
      ...settings,
      fetch: (_, init) => serveHttp(init!, world, seen),
    });
  return { client, seen };
}

/** Runs a command, counted. */
async function run<Result>(seen: Seen, work: () => Promise<Result>): Promise<Result> {
  seen.running++;
  seen.most = Math.max(seen.most, seen.running);
  try {
    return await work();
  } finally {
    seen.running--;
  }
}

function matches(mask: string, name: string): boolean {
  return mask === "*" || (mask.endsWith("*") && name.startsWith(mask.slice(0, -1)));
}

function listed({ users = [] }: World, mask: string): string {
  return JSON.stringify({ userList: users.filter((name) => matches(mask, name)) });
}

async function serveTcp(transport: Transport, world: World, seen: Seen): Promise<void> {
  const lines = linesOf(transport);
  const next = async () => (await lines.next()).value;
  const say = (text: string) => transport.write(encodeUtf8(text));
  try {
    await say("+\n");
    for (let line; (line = await next()) !== undefined;) {
      if (/^(VERSION|PLAIN)\t/.test(line)) continue;
      const [, user, name, ...args] = line.split("\t");
      if (name === "user") {
        const status = world.listing === undefined ? "+" : `-${world.listing}`;
        await say(`${listed(world, args[0].replace("--user-mask=", ""))}\t\n${status}\n`);
        continue;
      }
      seen.users.push(user);
      seen.requests.push(1);
      if (name === "save") {
        let input = "";
        for (let more; (more = await next()) !== ".\r" && more !== undefined;) input += `${more}\n`;
        seen.inputs.set(user, input);
      }
      const reply = await run(seen, async () => {
        const reply = await world.reply(user);
        if (reply === "silence") await next();
        return world.isDown?.() ? "lost" : reply;
      });
      if (reply === "lost" || reply === "silence") break;
      if ("code" in reply) await say(`\n-${reply.code}\n`);
      else await say(`${reply.map((mailbox) => `${mailbox}\t`).join("")}\n+\n`);
    }
  } catch {
    // The client is gone.
  } finally {
    await transport.close();
  }
}

async function* linesOf(transport: Transport): AsyncGenerator<string, undefined, void> {
  let rest = "";
  for (let chunk; (chunk = await transport.read()) !== undefined;) {
    const lines = (rest + decodeUtf8(chunk)).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

type Command = readonly [method: string, parameters: Record<string, unknown>, tag: string];

async function serveHttp(init: RequestInit, world: World, seen: Seen): Promise<Response> {
  const { signal } = init;
  signal!.throwIfAborted();
  // In the words of Node's fetch.
  const failed = (code: string) => new TypeError("fetch failed", { cause: { code } });
  if (world.isDown?.()) throw failed("ECONNREFUSED");
  if (init.body === undefined) return Response.json([{ command: "fsIter", parameters: [] }]);
  const commands: readonly Command[] = JSON.parse(decodeUtf8(init.body as Uint8Array));
  seen.requests.push(commands.length);
  const answers: unknown[] = [];
  const aborted = new Promise<never>((_, reject) =>
    signal!.addEventListener("abort", () => reject(signal!.reason))
  );
  aborted.catch(() => {});
  await run(seen, async () => {
    for (const [method, parameters, tag] of commands) {
      if (method === "user") {
        seen.requests.pop();
        const { listing } = world;
        const mask = (parameters.userMask as string[])[0];
        answers.push(
          listing === undefined
            ? ["doveadmResponse", JSON.parse(listed(world, mask)), tag]
            : ["error", { type: "exitCode", exitCode: exitCode(listing) }, tag],
        );
        continue;
      }
      const user = parameters.user as string;
      seen.users.push(user);
      if (method === "save") seen.inputs.set(user, parameters.file as string);
      const reply = await Promise.race([world.reply(user), aborted]);
      if (reply === "lost") throw failed("ECONNRESET");
      if (reply === "silence") await aborted;
      else if ("code" in (reply as object)) {
        const status = exitCode((reply as { code: string }).code);
        answers.push(["error", { type: "exitCode", exitCode: status }, tag]);
      } else {
        const rows = (reply as readonly string[]).map((mailbox) => ({ mailbox }));
        answers.push(["doveadmResponse", rows, tag]);
      }
    }
  });
  return Response.json(answers);
}

/** The names of so many users. */
export function names(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `user${at}`);
}

/** The row of a user whose only mailbox is INBOX. */
export function inbox(username: string): { readonly username: string; readonly mailbox: string } {
  return { username, mailbox: "INBOX" };
}

/** What an iterable yields, and what it throws. */
export async function outcomeOf<T>(
  items: AsyncIterable<T>,
): Promise<{ readonly items: readonly T[]; readonly error?: unknown }> {
  const taken: T[] = [];
  try {
    for await (const item of items) taken.push(item);
  } catch (error) {
    return { items: taken, error };
  }
  return { items: taken };
}

/** The failures of an error, in short. */
export function codesOf(error: unknown): Record<string, string> {
  assert(error instanceof PartialFailure, `${(error as Error)?.stack}`);
  return Object.fromEntries(
    [...error.failures].map(([user, failure]) => [user, (failure as DovewireError).code]),
  );
}
