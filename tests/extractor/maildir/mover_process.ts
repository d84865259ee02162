/**
 * Moves all mails of a maildir back and forth until it is killed: run by `busy_test.ts`, with the
 * maildir's path. With "mark" it removes and adds the flag S by hand instead, with "clean" it removes the
 * files in `tmp`.
 *
 * @module
 */

import { readdirSync, renameSync, rmSync } from "node:fs";
import { argv, stdout } from "node:process";
import { Maildir } from "../../../extractor/maildir/maildir.ts";
import { ExtractorFailure } from "../../../extractor/messages/failure.ts";

const [, , path, what] = argv;
stdout.write("ready\n");
for (;;) {
  if (what === "mark") mark();
  else if (what === "clean") clean();
  else move();
}

function clean(): void {
  for (const name of readdirSync(`${path}/tmp`)) rmSync(`${path}/tmp/${name}`, { force: true });
}

function mark(): void {
  for (const name of readdirSync(`${path}/cur`)) {
    const other = name.endsWith("S") ? name.slice(0, -1) : `${name}S`;
    renameSync(`${path}/cur/${name}`, `${path}/cur/${other}`);
  }
}

function move(): void {
  const maildir = Maildir.open(path);
  for (const folder of ["Sent", "Archive", ""]) {
    for (const { mid } of ["", "Sent", "Archive"].flatMap((name) => maildir.mails(name))) {
      try {
        maildir.move(maildir.markSeen(maildir.find(mid)), folder);
      } catch (error) {
        // Another process may move it away repeatedly.
        if (!(error instanceof ExtractorFailure && error.code === "not-found")) throw error;
      }
    }
  }
}
