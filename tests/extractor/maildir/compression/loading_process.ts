/**
 * Reads compressed mails before and after their unpackers are loaded: run by `content_test.ts`, with a
 * maildir's path. Its mails are named after their formats. Prints JSON.
 *
 * @module
 */

import { argv } from "node:process";
import { loadUnpackers, Maildir } from "../../../../extractor/maildir/maildir.ts";
import { ExtractorFailure } from "../../../../extractor/messages/failure.ts";
import { maildirHandler } from "../../../../extractor/server/maildir_handler.ts";

const maildir = Maildir.open(argv[2]);

function lengths(): unknown[] {
  return ["gz", "lz4", "bz2", "zstd", "xz"].map((mid) => {
    // The size is in the file's name, so that nothing has to be unpacked to find the mail.
    const mail = maildir.mails("").find((mail) => mail.mid.startsWith(`${mid},`))!;
    try {
      return maildir.read(mail).length;
    } catch (error) {
      if (error instanceof ExtractorFailure) return [error.code, error.message];
      throw error;
    }
  });
}

const before = lengths();
const context = { signal: new AbortController().signal, maxMessageSize: 1_000_000 };
const request = { folder: "", start: 0, end: 9, sortBy: "subject" };
const { mails } = await maildirHandler(maildir).list!(request as never, context);
await loadUnpackers();
const subjects = mails!.map(({ subject }) => subject);
console.log(JSON.stringify({ before, subjects, after: lengths() }));
