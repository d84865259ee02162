/**
 * A client's connection and a server's, in one program: whatever is asked, however it is answered and
 * however that is cut on its way, both agree.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DoveadmConnection, type DoveadmRequest } from "../../../mod.ts";
import {
  CommandFailure,
  type ReplyField,
  serve,
  type ServerRequest,
} from "../../../doveadm/server/mod.ts";
import { memoryListener } from "../../../transports/memory.ts";

/** How a command is to be answered; it travels as the command's last argument. */
interface Plan {
  /** The values, each in pieces. */
  readonly values: readonly (readonly string[])[];
  readonly log: string;
  readonly code: string | null;
  /** Whether the handler takes its time. */
  readonly isSlow: boolean;
  /** Whether each value is one piece, as a text. */
  readonly isWhole: boolean;
}

const text = fc.string({ maxLength: 20 }).map((text) => text.replaceAll("\0", ""));
const plan: fc.Arbitrary<Plan> = fc.record({
  values: fc.array(fc.array(fc.string({ maxLength: 30 }), { maxLength: 3 }), { maxLength: 5 }),
  log: fc.string({ maxLength: 20 }).map((text) => `.${text.replaceAll(/[\r\n]/g, "")}`),
  code: fc.constantFrom(null, null, "NOUSER", "NOTFOUND", "TEMPFAIL"),
  isSlow: fc.boolean(),
  isWhole: fc.boolean(),
});

const request = fc.record({
  name: fc.constantFrom("who", "mailbox list", "save"),
  args: fc.array(text, { maxLength: 3 }),
  user: fc.option(text.filter((user) => user !== ""), { nil: undefined }),
  input: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }),
  plan,
});

const sleep = () => new Promise((resolve) => setTimeout(resolve, 0));
const password = "pass wörd";
const encoder = new TextEncoder();

async function* piecesOf(pieces: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield encoder.encode(piece);
}

/** Answers by the plan, after what it was asked. */
async function* answer(request: ServerRequest): AsyncGenerator<ReplyField> {
  const { name, args, user = "", input, log } = request;
  const { values, log: line, code, isSlow, isWhole }: Plan = JSON.parse(args.at(-1)!);
  yield JSON.stringify([name, args.slice(0, -1), user]);
  const bytes: number[] = [];
  for await (const chunk of input) bytes.push(...chunk);
  yield String(bytes);
  for (const pieces of values) {
    if (isSlow) await sleep();
    yield isWhole ? pieces.join("") : piecesOf(pieces);
  }
  log("info", line);
  if (code !== null) throw new CommandFailure(code);
}

for (const minor of [0, 1, 2, 3, 4]) {
  test(`client and server, 1.${minor} › any requests and replies › both agree`, async () => {
    const requests = fc.array(request, { minLength: 1, maxLength: 5 });
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 200 }));
    await fc.assert(
      fc.asyncProperty(requests, sizes, fc.boolean(), async (requests, sizes, isClient) => {
        const { listener, connect } = memoryListener({
          cut: () => sizes.next().value,
          capacity: 500,
        });
        await using server = await serve(
          { listener, password, maxMinor: isClient ? 4 : minor },
          answer,
        );
        await using connection = await DoveadmConnection.open(await connect(server.address), {
          password,
          maxMinor: isClient ? minor : 4,
          logPassthrough: true,
        });
        assert.equal(connection.minor, minor);
        const answers = await Promise.all(requests.map(({ plan, name, args, user, input }) => {
          const request: DoveadmRequest = { name, args: [...args, JSON.stringify(plan)], user };
          if (name === "save") request.input = input;
          return connection.send(request);
        }));
        for (const [at, { plan, name, args, user = "", input }] of requests.entries()) {
          const { ok, fields, log } = answers[at];
          const bytes = name === "save" ? input.flatMap((chunk) => [...chunk]) : [];
          assert.deepEqual(fields, [
            JSON.stringify([name, args, user]),
            String(bytes),
            ...plan.values.map((pieces) => pieces.join("")),
          ]);
          assert.equal(ok, plan.code === null);
          assert.deepEqual(
            log.map(({ message }) => message),
            minor === 0 ? [] : [plan.log],
          );
        }
      }),
      { numRuns: 60, seed: minor },
    );
  });
}
