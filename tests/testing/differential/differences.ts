/**
 * Where the embedded server answers otherwise than a real one, and why.
 *
 * @module
 */

import type { Answer, Question } from "./question.ts";

/** A difference that is wanted. */
export interface Difference {
  /** What differs, and why. */
  readonly reason: string;
  /** Whether it explains two answers that differ. */
  explains(question: Question, real: Answer, embedded: Answer, agree: Agree): boolean;
}

/** Whether two fields are the same, or stand for the same. */
type Agree = (real: Uint8Array, embedded: Uint8Array) => boolean;

/** All differences that are wanted. */
export const differences: readonly Difference[] = [
  {
    reason:
      "Dovecot ends the connection without a word where a command's arguments are wrong; the " +
      "embedded server says what is wrong, and fails the command.",
    explains: (_, real, embedded) =>
      real.result === "lost" && !panicked(real) && embedded.result.startsWith("-"),
  },
  {
    reason: "Dovecot crashes; the embedded server answers what it should have.",
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
      // Where only its GUID is asked for, the list of mailboxes has a row for it.
      const isLeftOut = name === "mailbox status" && real.result === "+" &&
        real.fields.length > embedded.fields.length;
      return embedded.result === "+" && (isLeftOut || missesMailbox(real)) &&
        isSubsequence(embedded.fields, real.fields, agree);
    },
  },
  {
    reason: "The embedded server knows neither MIMEPART nor INTHREAD, which take a mail client's " +
      "knowledge of mails, and says so.",
    explains: ({ args }, _, embedded) =>
      args.some((arg) => ["MIMEPART", "INTHREAD"].includes(arg)) && embedded.result === "-USAGE" &&
      embedded.log.some((line) => /MIMEPART|INTHREAD/.test(line)),
  },
  {
    reason:
      "Among alternatives, Dovecot takes several flags that a mail hasn't for one, so that it " +
      'passes over seen mails for "unseen or unflagged"; "not ( seen flagged )" is the same to it.',
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
      "Where a search looked into the text of a mail, Dovecot may give more than a part of it: " +
      "the first bytes of what follows.",
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

/** Differences that are kept out of the way, since afterwards nothing would be the same. */
export const avoided: readonly string[] = [
  "Dovecot counts a mail's modification sequences only from when somebody first asked for one in " +
  "that mailbox, and until then gives the mailbox's; the embedded server counts them always.",
  'Dovecot\'s "mailbox create -g" fails for a mailbox that is there, but gives it the GUID.',
  '"mailbox delete -Z" of Dovecot doesn\'t give back the room that the mails had in the quota.',
];

/** Whether a mailbox that is missing is all that a server complains of. */
function missesMailbox({ result, log }: Answer): boolean {
  const errors = log.filter((line) => line.startsWith("error: "));
  return result === "-NOTFOUND" &&
    errors.every((line) => line.includes("Mailbox doesn't exist: "));
}

/** Whether fields are some of others, in their order. */
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

/** The names of the columns that "fetch" is asked for, in each row. */
function columnsOf({ name, args }: Question): readonly string[] {
  if (name !== "fetch") return [];
  const list = args.find((arg) => !arg.startsWith("-")) ?? "";
  const options = args.filter((_, at) => args[at - 1] === "--field");
  const hasUser = args.some((arg) => /^(?:-A|--all-users|-u.|--user=.)/.test(arg));
  return [...(hasUser ? ["username"] : []), ...(options.length > 0 ? options : list.split(" "))];
}

/** Whether a query may have, among alternatives, that a mail isn't seen, or that it isn't deleted. */
function hasFlagsToMerge(args: readonly string[]): boolean {
  const query = args.join(" ").toUpperCase();
  return / OR /.test(query) && /UNSEEN|UNDELETED|NOT (?:SEEN|DELETED)/.test(query) ||
    /NOT \( .*(?:SEEN|DELETED)/.test(query);
}

/** Whether a server crashed: the trace of it is all that it logs then. */
function panicked({ log }: Answer): boolean {
  return log.some((line) => line.includes("Raw backtrace:"));
}
