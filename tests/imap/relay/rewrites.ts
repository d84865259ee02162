/**
 * All that a relay changes in a conversation, one by one.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import type { TappedConnection } from "../../harness/imap/tap.ts";

/**
 * What two ends said to each other. Each unit is a line with its literals and its end, in Latin-1; what the client
 * said is apart from what the server said.
 */
export interface Talk {
  client: string[];
  server: string[];
}

/** The same conversation at both sides of a relay. */
export interface Talks {
  /** At the client's side. */
  readonly near: Talk;
  /** At the server's side. */
  readonly far: Talk;
}

/** Reads what went over a connection. */
export function talkOf(connection: TappedConnection): Talk {
  return {
    client: unitsOf(connection.bytes("client"), /^$/),
    server: unitsOf(connection.bytes("server"), /^(?:\S+ (?:OK|NO|BAD|BYE|PREAUTH) |\+)/),
  };
}

/** Takes bytes apart. Lines that match `textual` end in a text, where nothing is a literal. */
function unitsOf(bytes: Buffer, textual: RegExp): string[] {
  const text = bytes.toString("latin1");
  const units: string[] = [];
  for (let start = 0, at = 0; start < text.length;) {
    const end = text.indexOf("\n", at) + 1 || text.length;
    const line = text.slice(at, end);
    const [, size] = textual.test(text.slice(start, start + 200))
      ? []
      : /\{(\d+)\+?\}\r\n$/.exec(line) ?? [];
    at = end + Number(size ?? 0);
    if (size !== undefined) continue;
    units.push(text.slice(start, end));
    start = end;
  }
  return units;
}

/** A change that a relay makes: takes it back, in one or both of the two. Returns whether there was anything to do. */
interface Rewrite {
  readonly name: string;
  readonly undo: (talks: Talks) => boolean;
}

const LITERAL = /\{(\d+)(\+?)\}\r\n/g;
const TAGGED_OK = /^(\S+) OK /;

/** The words that the relay takes out of lists of capabilities. */
const HIDDEN = /^(?:COMPRESS=\S+|LOGIN-REFERRALS)$/;

/** The relay's custom command, and its capability. */
export const CUSTOM = "XLAB";

function rewritten(list: string): string {
  const words = list.split(" ").filter((word) => !HIDDEN.test(word));
  return [...words, CUSTOM].join(" ");
}

/** All changes, in the order in which they are taken back. */
export const REWRITES: readonly Rewrite[] = [
  {
    name: "the greeting › lists what the relay offers before the login",
    undo({ near, far }) {
      const greeting = /^\* OK \[CAPABILITY ([^\]]*)\] (.*\r\n)$/;
      const [, offered = "", text] = greeting.exec(near.server.shift() ?? "") ??
        assert.fail("no greeting");
      const [, , own] = greeting.exec(far.server.shift() ?? "") ?? assert.fail("no greeting");
      assert.equal(text, own);
      assert.doesNotMatch(offered, /COMPRESS|REFERRALS|XLAB/);
      return true;
    },
  },
  {
    name: "before the login › the relay answers the client, and asks the server, in its own words",
    undo({ near, far }) {
      const nearLogin = near.client.findIndex((unit) => /^\S+ (?:LOGIN|AUTHENTICATE) /i.test(unit));
      const farLogin = far.client.findIndex((unit) => /^~\d+ (?:LOGIN|AUTHENTICATE) /.test(unit));
      for (const unit of near.client.splice(0, nearLogin)) {
        const [, tag, name] = /^(\S+) (CAPABILITY|ID|STARTTLS|NOOP)\b/i.exec(unit) ??
          assert.fail(unit);
        takeAnswer(near.server, tag, new RegExp(`^\\* ${name} `, "i"));
      }
      for (const unit of far.client.splice(0, farLogin)) {
        const [, tag, name] = /^(~\d+) (CAPABILITY|ID|STARTTLS)\b/.exec(unit) ?? assert.fail(unit);
        takeAnswer(far.server, tag, new RegExp(`^\\* ${name} `));
      }
      return true;
    },
  },
  {
    name: "the login › has the relay's own tag and form",
    undo({ near, far }) {
      const tags = [near, far].map((talk) => {
        const command = talk.client.shift() ?? assert.fail("no login");
        while (talk.server[0].startsWith("+ ")) {
          assert.match(talk.server.shift()!, /^\+ (?:OK|VXNlcm5hbWU6|UGFzc3dvcmQ6)?\r\n$/);
          if (!/\{\d+\+?\}\r\n/.test(command)) talk.client.shift();
        }
        return command.slice(0, command.indexOf(" "));
      });
      const at = far.server.findIndex((unit) => unit.startsWith(`${tags[1]} `));
      assert.match(far.server[at], TAGGED_OK);
      far.server[at] = tags[0] + far.server[at].slice(tags[1].length);
      return true;
    },
  },
  {
    name:
      "lists of capabilities › lack what the relay can't let through, and have its own commands'",
    undo({ far }) {
      let count = 0;
      far.server = far.server.map((unit) => {
        const list = /^(\* CAPABILITY |\S+ OK \[CAPABILITY )([^\]\r]*)/;
        return unit.replace(list, (_, start, words) => {
          count++;
          return start + rewritten(words);
        });
      });
      return count > 0;
    },
  },
  {
    name: "a custom command › is answered by the relay",
    undo({ near }) {
      const at = near.client.findIndex((unit) => unit.endsWith(` ${CUSTOM}\r\n`));
      if (at === -1) return false;
      const [command] = near.client.splice(at, 1);
      const answered = near.server.indexOf(
        `${command.slice(0, command.indexOf(" "))} OK Done.\r\n`,
      );
      assert.notEqual(answered, -1);
      near.server.splice(answered, 1);
      return true;
    },
  },
  {
    name:
      "a literal that isn't waited for › is sent as one that is, and its continuation isn't passed on",
    undo({ near, far }) {
      const literals = near.client.flatMap((unit) =>
        [...unit.matchAll(LITERAL)].map(([, , plus]) => plus)
      );
      const granted = far.server.flatMap((unit, at) => unit === "+ OK\r\n" ? [at] : []);
      assert.equal(granted.length, literals.length);
      const swallowed = new Set(granted.filter((_, index) => literals[index] === "+"));
      far.server = far.server.filter((_, at) => !swallowed.has(at));
      near.client = near.client.map((unit) => unit.replaceAll(LITERAL, "{$1}\r\n"));
      return swallowed.size > 0;
    },
  },
];

/** Removes the answer to a command, with its untagged data. */
function takeAnswer(server: string[], tag: string, untagged: RegExp): void {
  const end = server.findIndex((unit) => unit.startsWith(`${tag} `));
  assert.notEqual(end, -1, `no answer to ${tag}`);
  const answer = server.splice(0, end + 1);
  assert.match(answer.pop()!, TAGGED_OK);
  for (const unit of answer) assert.match(unit, untagged);
}
