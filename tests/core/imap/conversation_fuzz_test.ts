import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ConversationEvent, ImapServerProtocol } from "../../../core/imap/mod.ts";
import { concat, decodeUtf8 } from "../../../core/mod.ts";
import { commands } from "./talk.ts";

/** Data of literals: if it is ever taken for commands, there are answers to "canary". */
const canary = "canary NOOP\r\ncanary LOGIN mallory x\r\nDONE\r\n";

/** The end of a line: a literal that the client waits with, or doesn't, or none. */
type Ending = "" | " {n}" | " {n+}" | " ~{n}" | " ~{n+}" | "{n+}" | '"{n+}' | " {0+}";

/** A command, right or wrong: lines with the literals between them. */
type Lines = readonly { readonly text: string; readonly ending: Ending }[];

const words = [
  "a NOOP",
  "a LOGIN",
  "a LOGIN alice",
  "a AUTHENTICATE PLAIN",
  "a AUTHENTICATE LOGIN",
  btoa("\0alice\0secret"),
  "a CAPABILITY",
  "a ID",
  "a IDLE",
  "a XWAIT",
  "a XASK",
  "a FOO",
  "DONE",
  "*",
  "alice",
  '"quoted"',
  "(",
  ")",
  '"',
  "\\",
  "{",
  "x{3+}",
  "{3+} x",
  "[",
  "\r",
  "\0",
  "\xff",
  " ",
  "",
];

const lines: fc.Arbitrary<Lines> = fc.array(
  fc.record({
    text: fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join(" ")),
    ending: fc.constantFrom<Ending>(
      ...["", "", "", " {n}", " {n+}", " ~{n}", " ~{n+}", "{n+}", '"{n+}', " {0+}"] as Ending[],
    ),
  }),
  { minLength: 1, maxLength: 3 },
);

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A conversation in which the client keeps to the rules for literals, and otherwise to none. */
function converse(
  { script, preauthenticated }: {
    readonly script: readonly Lines[];
    readonly preauthenticated: string | undefined;
  },
  size: () => number,
) {
  const limits = { line: 200, command: 400 };
  const server = new ImapServerProtocol({ commands, preauthenticated, limits });
  const events: ConversationEvent[] = [];
  let output = "";
  const pump = () => {
    for (let event; (event = server.nextEvent()) !== undefined;) {
      events.push(event);
      // Half of the logins and commands succeed at once.
      if (event.type === "login") {
        if (event.id % 2 === 0) server.accept(event.id);
        else server.refuse(event.id);
      } else if (event.type === "command" && event.name === "XWAIT") {
        server.continue(event.id, "waiting");
      } else if (event.type === "command" || event.type === "done") {
        server.finish(event.id, { status: "OK", text: "Done." });
      }
    }
    const chunks: Uint8Array[] = [];
    for (let chunk; (chunk = server.takeOutput()) !== undefined;) chunks.push(chunk);
    output += decodeUtf8(concat(chunks));
  };
  const say = (text: string) => {
    for (let rest = bytesOf(text); rest.length > 0;) {
      const piece = size();
      server.receive(rest.slice(0, piece));
      rest = rest.subarray(piece);
      pump();
    }
  };
  for (const command of script) {
    for (const { text, ending } of command) {
      const line = `${text}${ending.replace("n", String(canary.length))}`;
      const heard = output.length;
      say(`${line}\r\n`);
      const [, size, plus] = /\{(\d+)(\+?)\}$/.exec(line) ?? [];
      const isAwaited = plus === "" && /^\+ OK\r\n$/m.test(output.slice(heard));
      if (plus !== "+" && !isAwaited) break;
      say(canary.slice(0, Number(size)));
    }
    // Whatever was begun is ended; this may be a wrong line itself.
    say("\r\n");
  }
  server.receiveEnd();
  pump();
  server.close();
  pump();
  return { events, output };
}

test("any conversation › in any pieces › is in step, and never throws", () => {
  const conversations = fc.record({
    script: fc.array(lines, { maxLength: 8 }),
    preauthenticated: fc.constantFrom(undefined, "alice"),
  });
  const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 60 }));
  fc.assert(
    fc.property(conversations, sizes, (conversation, random) => {
      const whole = converse(conversation, () => Infinity);
      assert.doesNotMatch(whole.output, /^canary /m);
      assert(!whole.events.some((event) => event.type === "login" && event.user === "mallory"));
      assert(
        whole.output.split("\r\n").every((line) => /^([*+] |a |$|\S+ BAD |\S+ NO )/.test(line)),
      );
      assert.equal(whole.events.at(-1)?.type, "end");
      const pieces = converse(conversation, () => random.next().value);
      assert.deepEqual(pieces, whole);
      assert.deepEqual(converse(conversation, () => 1), whole);
    }),
    { numRuns: 500 },
  );
});
