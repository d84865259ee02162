import assert from "node:assert/strict";
import { test } from "node:test";
import { MboxQuoting } from "../../../examples/sweeps/mbox_quoting.ts";

/** A mail as it stands in an mbox, when it comes in pieces of a size. */
function quoted(mail: string, size: number): string {
  const bytes = new TextEncoder().encode(mail);
  const quoting = new MboxQuoting();
  let text = "";
  for (let at = 0; at < bytes.length; at += size) {
    text += new TextDecoder().decode(quoting.push(bytes.slice(at, at + size)));
  }
  return text + new TextDecoder().decode(quoting.end());
}

test("mbox › mails in pieces of any size › have their lines quoted, and an empty one at the end", () => {
  const mails: Readonly<Record<string, string>> = {
    "": "\n",
    "a": "a\n\n",
    "a\r\n": "a\n\n",
    "From a\r\n>From b\n>>From\nFrom": ">From a\n>>From b\n>>From\nFrom\n\n",
    "Fro\nFrom \n\n From x\n>x\n>": "Fro\n>From \n\n From x\n>x\n>\n\n",
    "a\rb\r\r\nc\r": "a\rb\r\nc\r\n\n",
    [`${">".repeat(2000)}From x\n`]: `${">".repeat(2000)}From x\n\n`,
  };
  for (const [mail, expected] of Object.entries(mails)) {
    for (const size of [1, 2, 3, 7, 5000]) {
      assert.equal(quoted(mail, size), expected, JSON.stringify(mail));
    }
  }
});
