import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sharesConnection, whyItMayHaveDied } from "../../client/command_traits.ts";

/** The commands that servers list under `GET /doveadm/v1`: those that take a user mask, and others. */
const servers: Record<string, { mail: string[]; others: string[] }> = JSON.parse(
  readFileSync(new URL("commands.json", import.meta.url), "utf8"),
);

/** Commands that take a user mask and still need a connection of their own. */
const alone: Readonly<Record<string, string>> = {
  backup: "it ends in dsync's own protocol",
  batch: "it runs other commands",
  dsyncServer: "it ends in dsync's own protocol",
  sync: "it ends in dsync's own protocol",
};

/** A name in the list's spelling as it is on the wire; the list doesn't tell spaces from hyphens. */
function spellings(name: string): string[] {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).split(" ");
  const parted = words.join(" ");
  const lastHyphened = parted.replace(/ (\S+)$/, "-$1");
  return [parted, lastHyphened];
}

test("command traits: the commands that act on mail share a connection, and no others", () => {
  for (const [version, { mail, others }] of Object.entries(servers)) {
    for (const name of mail) {
      assert.equal(
        spellings(name).some(sharesConnection),
        !(name in alone),
        `${name} of Dovecot ${version}`,
      );
    }
    for (const name of others) {
      assert(!spellings(name).some(sharesConnection), `${name} of Dovecot ${version}`);
    }
  }
});

test("command traits: what isn't known has a connection of its own", () => {
  for (const name of ["", "no such command", "toString", "MAILBOX LIST", "mailbox"]) {
    assert(!sharesConnection(name));
  }
  assert.match(whyItMayHaveDied("toString"), /a missing argument/);
  assert.match(whyItMayHaveDied("fetch"), /an unknown field/);
});
