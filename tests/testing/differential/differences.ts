/**
 * The expected differences between the embedded server and a real one, and the reasons.
 *
 * @module
 */

import type { Answer, Question } from "./question.ts";

/** An expected difference. */
export interface Difference {
  /** What differs, and why. */
  readonly reason: string;
  /** Whether it explains two answers that differ. */
  explains(question: Question, real: Answer, embedded: Answer, agree: Agree): boolean;
}

/** Whether two fields are equal or correspond. */
type Agree = (real: Uint8Array, embedded: Uint8Array) => boolean;

/** All expected differences. */
export const differences: readonly Difference[] = [
  {
    reason:
      "Dovecot closes the connection without an error message if a command's arguments are wrong; " +
      "the embedded server logs the reason, and fails the command, unless it is for a mask that no " +
      "user matches.",
    explains: (question, real, embedded) =>
      real.result === "lost" && !panicked(real) &&
      (embedded.result.startsWith("-") || isForNobody(question, embedded)),
  },
  {
    reason: "Dovecot crashes; the embedded server sends the right answer.",
    explains: (_, real, embedded) =>
      real.result === "lost" && panicked(real) && embedded.result !== "lost",
  },
  {
    reason:
      "A deleted mailbox with others below it stays in Dovecot's list of mailboxes, so that " +
      "commands for a mask fail in the end because it is missing, and a search in it may not.",
    explains: ({ name }, real, embedded, agree) => {
      if (embedded.result === "-NOTFOUND") {
        return name === "search" && real.result === "+" && real.fields.length === 0;
      }
      // Over HTTP a command that fails has no rows.
      if (name === "mailbox status" && embedded.titles !== undefined) {
        return real.result === "-NOTFOUND";
      }
      // If only its GUID is requested, the list of mailboxes has a row for it.
      const isLeftOut = name === "mailbox status" && real.result === "+" &&
        real.fields.length > embedded.fields.length;
      return embedded.result === "+" && (isLeftOut || missesMailbox(real)) &&
        isSubsequence(embedded.fields, real.fields, agree);
    },
  },
  {
    reason:
      "The embedded server doesn't support MIMEPART and INTHREAD, which need a mail client's " +
      "knowledge of mails, and fails with a message.",
    explains: ({ args }, _, embedded) =>
      args.some((arg) => ["MIMEPART", "INTHREAD"].includes(arg)) && embedded.result === "-USAGE" &&
      embedded.log.some((line) => /MIMEPART|INTHREAD/.test(line)),
  },
  {
    reason:
      "Among alternatives, Dovecot merges several missing flags into one condition, so that it " +
      'finds no seen mails for "unseen or unflagged", and for "not ( seen flagged )".',
    explains: ({ name, args }, real, embedded, agree) =>
      ["search", "fetch"].includes(name) && real.result === "+" && embedded.result === "+" &&
      hasFlagsToMerge(args) &&
      isSubsequence(real.fields, embedded.fields, agree),
  },
  {
    reason:
      "A copied mail may have a storageid of its own in a Maildir, the name of its file; the " +
      "embedded server gives its GUID, which copies share.",
    explains: (question, real, embedded, agree) => {
      const columns = columnsOf(question);
      return columns.includes("storageid") && real.result === embedded.result &&
        real.fields.length === embedded.fields.length &&
        real.fields.every((field, at) =>
          columns[at % columns.length] === "storageid" || agree(field, embedded.fields[at])
        );
    },
  },
  {
    reason:
      "If a search has read the text of a mail, Dovecot may send more than the requested part: " +
      "also the first bytes after it.",
    explains: (question, real, embedded, agree) => {
      const columns = columnsOf(question);
      const startsAlike = (field: Uint8Array, shorter: Uint8Array) =>
        field.length > shorter.length && agree(field.subarray(0, shorter.length), shorter);
      return question.args.some((arg) => /^(?:body|text)$/i.test(arg)) &&
        real.result === embedded.result && real.fields.length === embedded.fields.length &&
        real.fields.every((field, at) =>
          agree(field, embedded.fields[at]) ||
          (/^(?:body|binary)\.\d/.test(columns[at % columns.length]) &&
            startsAlike(field, embedded.fields[at]))
        );
    },
  },
];

/** Differences that the commands must avoid, since all later answers would differ. */
export const avoided: readonly string[] = [
  "Dovecot counts a mail's modification sequences only from the first request for one in that " +
  "mailbox, and until then sends the mailbox's; the embedded server always counts them.",
  'Dovecot\'s "mailbox create -g" fails for an existing mailbox, but sets its GUID.',
  'Dovecot\'s quota usage is wrong after "mailbox delete -Z", and on 2.4 after "copy" and "move" ' +
  "with the user's own name as source.",
];

/** Whether a command over HTTP was for a mask, and returned nothing. */
function isForNobody({ batch = "" }: Question, { fields }: Answer): boolean {
  return fields.length === 0 && /"user":"[^"]*[*?]/.test(batch);
}

/** Whether all errors in a server's log are about missing mailboxes. */
function missesMailbox({ result, log }: Answer): boolean {
  const errors = log.filter((line) => line.startsWith("error: "));
  return result === "-NOTFOUND" &&
    errors.every((line) => line.includes("Mailbox doesn't exist: "));
}

/** Whether fields are a subsequence of others. */
function isSubsequence(
  fields: readonly Uint8Array[],
  all: readonly Uint8Array[],
  agree: Agree,
): boolean {
  let found = 0;
  for (const field of all) {
    if (found < fields.length && agree(field, fields[found])) found++;
  }
  return found === fields.length;
}

/** The names of the columns in each row of a "fetch". */
function columnsOf({ name, args }: Question): readonly string[] {
  if (name !== "fetch") return [];
  const list = args.find((arg) => !arg.startsWith("-")) ?? "";
  const options = args.filter((_, at) => args[at - 1] === "--field");
  const hasUser = args.some((arg) => /^(?:-A|--all-users|-u.|--user=.)/.test(arg));
  return [...(hasUser ? ["username"] : []), ...(options.length > 0 ? options : list.split(" "))];
}

/** Whether a query may contain "unseen" or "undeleted" among alternatives. */
function hasFlagsToMerge(args: readonly string[]): boolean {
  const query = args.join(" ").toUpperCase();
  return / OR /.test(query) && /UNSEEN|UNDELETED|NOT (?:SEEN|DELETED)/.test(query) ||
    /NOT \( .*(?:SEEN|DELETED)/.test(query);
}

/** Whether a server crashed: then its log says so. */
function panicked({ log }: Answer): boolean {
  return log.some((line) => /Raw backtrace:|Panic: /.test(line));
}
