/**
 * Random search queries, mostly valid ones.
 *
 * @module
 */

import type { Random } from "../../harness/random.ts";

/** The GUIDs for queries, taken from the server, which generates them. */
export interface Known {
  /** GUIDs of mailboxes. */
  readonly mailboxGuids: readonly string[];
  /** GUIDs of mails. */
  readonly mailGuids: readonly string[];
}

/** Mailboxes that exist at the start. */
export const mailboxes: readonly string[] = [
  "INBOX",
  "INBOX",
  "INBOX",
  "Sent Items",
  "Archive",
  "Archive/2024",
  "Archive/2024/Q1",
  "Entwürfe",
  "日本語/受信",
  "R&D",
  "Lists",
  "Lists",
  "Empty",
  "Trash",
];

/** Masks of mailboxes. */
export const masks: readonly string[] = [
  "*",
  "%",
  "Archive*",
  "Archive/%",
  "Archive/*",
  "%/%",
  "*/2024*",
  "I*",
  "inbox",
  "*ü*",
  "日本語/%",
  "S% Items",
  "Nothing*",
  "*s",
  "R&%",
  "A%e",
];

const flagKeys: readonly string[] = [
  ...["ANSWERED", "UNANSWERED", "DELETED", "UNDELETED", "DRAFT", "UNDRAFT", "FLAGGED", "UNFLAGGED"],
  ...["SEEN", "UNSEEN", "RECENT", "OLD", "NEW", "ALL", "SAVEDATESUPPORTED", "OLDESTONLY"],
];

const dates: readonly string[] = [
  "1-Jan-2026",
  "10-jan-2026",
  "09-Jan-2026",
  "2026-01-15",
  "2020-01-01",
  "1767225600",
  "1768000000",
  "20-Feb-2026",
  "3 days",
  "1d",
  "12h",
  "52 weeks",
];

const badDates: readonly string[] = [
  "2026-1-5",
  "32-Jan-2026",
  "yesterday",
  "1-Foo-2026",
  "",
  "2026/01/01",
];

const sizes: readonly string[] = ["0", "100", "300", "1000", "1k", "2K", "1M", "5kb"];

const words: readonly string[] = [
  "example",
  "EXAMPLE.ORG",
  "bob",
  "alice@example.org",
  "lunch",
  "Lunch?",
  "needle",
  "grüße",
  "STRASSE",
  "größe",
  "Äpfel",
  "привет",
  "日本",
  "αβγ",
  "list-4",
  "Announcement",
  "  ",
  "",
  "spaces   within",
  "attached",
  "word word",
  "%PDF",
  "Title",
  "evil",
  "x x",
  "xxxxxxxx",
  "1",
  "user29",
  "Bob Example",
  '"Example, Bob"',
  "Inner message",
  "zoe",
  "Zoë",
  "d2@",
];

/** Words that many messages have. */
const commonWords: readonly string[] = ["example", "e", "list", "bob", "alice", "re:", "0", ".org"];

const headers: readonly string[] = [
  "Subject",
  "message-id",
  "FROM",
  "X-Same",
  "X-Long",
  "X-Empty",
  "Received",
  "References",
  "Content-Type",
  "Nothing",
  "To",
  "Date",
];

const badKeys: readonly (readonly string[])[] = [
  ["nonsense"],
  ["FROM"],
  ["LARGER", "large"],
  ["UID", "x"],
  ["0"],
  ["1:"],
  ["UID", "0"],
  ["("],
  [")"],
  ["(", ")"],
  ["NOT"],
  ["OR"],
  ["KEYWORD"],
  ["OLDER", "0"],
  ["YOUNGER", "soon"],
  ["MODSEQ", "many"],
  ["INTHREAD", "NOTHING", "all"],
  ["X-REAL-UID", "a"],
  ["MAILBOX"],
  ["HEADER", "Subject"],
  ["MIMEPART", "NOTHING"],
  [""],
];

/** Generates queries. */
export class Queries {
  readonly #random: Random;
  readonly #known: Known;
  /** Whether the query is for a command that only reads. */
  #isReading = true;

  /** Creates one with a source of random choices. */
  constructor(random: Random, known: Known) {
    this.#random = random;
    this.#known = known;
  }

  /** A query that may name no mailbox, and is sometimes invalid. */
  any(): string[] {
    const random = this.#random;
    this.#isReading = true;
    const query = random.chance(75) ? [...this.place(), ...this.#keys()] : this.#keys();
    return random.chance(6) ? [...query, ...random.pick(badKeys)] : query;
  }

  /** A query that names one mailbox, and something in it. */
  inMailbox(): string[] {
    this.#isReading = false;
    return ["mailbox", this.#random.pick(mailboxes), ...this.#keys()];
  }

  /** The part of a query that names mailboxes. */
  place(): string[] {
    const random = this.#random;
    const roll = random.below(100);
    if (roll < 70) return ["mailbox", random.pick(mailboxes)];
    if (roll < 80) return ["MAILBOX", random.pick(masks)];
    if (roll < 87) return ["mailbox-guid", random.pick(this.#known.mailboxGuids)];
    if (roll < 90) {
      return ["X-MAILBOX", random.pick(["INBOX", "Entw&APw-rfe", "R&-D", "Archive/%"])];
    }
    if (roll < 95) {
      return [
        "(",
        ...["mailbox", random.pick(mailboxes), "OR", "mailbox", random.pick(mailboxes)],
        ")",
      ];
    }
    return ["mailbox", random.pick(["Missing", "Archive/Missing", "inbox", "Archive/", ""])];
  }

  #keys(): string[] {
    const random = this.#random;
    const count = random.pick([1, 1, 1, 1, 2, 2, 3]);
    return Array.from({ length: count }, () => this.#key(2)).flat();
  }

  #key(depth: number): string[] {
    const random = this.#random;
    if (depth > 0 && random.chance(25)) return this.#compound(depth - 1);
    switch (random.below(12)) {
      case 0:
      case 1:
        return [this.#anyCase(random.pick(flagKeys))];
      case 2:
        return [this.#set()];
      case 3:
        return [random.pick(["UID", "uid", "X-REAL-UID"]), this.#set()];
      case 4:
        return [random.pick(["KEYWORD", "UNKEYWORD"]), random.pick(["$Label1", "work", "None"])];
      case 5:
        return this.#date();
      case 6:
        return [random.pick(["LARGER", "SMALLER"]), random.pick(sizes)];
      case 7:
      case 8:
        return [
          this.#anyCase(random.pick(["FROM", "TO", "CC", "BCC", "SUBJECT"])),
          this.#word(),
        ];
      case 9:
        return ["HEADER", random.pick(headers), this.#word()];
      case 10:
        return [random.pick(["BODY", "TEXT"]), this.#word()];
      default:
        return this.#rare();
    }
  }

  #compound(depth: number): string[] {
    const random = this.#random;
    // A query of a command that changes mail must not be one that Dovecot interprets differently.
    const some = this.#isReading ? depth : 0;
    switch (random.below(4)) {
      case 0:
      case 1:
        return [this.#anyCase("NOT"), ...this.#key(some)];
      case 2:
        return [
          "(",
          ...(this.#isReading ? this.#key(depth) : ["UID", this.#set()]),
          "OR",
          ...this.#key(some),
          ")",
        ];
      default:
        return ["(", ...this.#key(depth), ...this.#key(depth), ")"];
    }
  }

  #rare(): string[] {
    const random = this.#random;
    const modseq = String(random.below(9));
    switch (random.below(8)) {
      case 0:
      case 7:
        return ["MODSEQ", modseq];
      case 1:
        return ["MODSEQ", random.pick(["/flags/\\Seen", "/flags/$label1"]), "all", modseq];
      case 2:
        return [random.pick(["GUID", "X-GUID"]), random.pick(this.#known.mailGuids)];
      case 3:
      case 4:
        return ["FUZZY", ...this.#key(0)];
      case 5:
        return [random.pick(["OLDER", "YOUNGER"]), random.pick(["86400", "600"])];
      case 6:
        // Keys that only one of the servers supports must not cause changes.
        if (!this.#isReading) return ["$"];
        return random.chance(50)
          ? ["INTHREAD", random.pick(["REFERENCES", "REFS"]), ...this.#key(0)]
          : ["MIMEPART", "TYPE", "text"];
      default:
        return ["$"];
    }
  }

  #date(): string[] {
    const random = this.#random;
    const prefix = random.pick(["", "", "SENT", "SAVED", "X-SAVED"]);
    const key = prefix + random.pick(["BEFORE", "ON", "SINCE"]);
    const date = random.pick(random.chance(8) ? badDates : dates);
    // "1 day ago" ends now: whether it includes a mail that was just saved depends on timing.
    return [this.#anyCase(key), key.endsWith("ON") && date === "1d" ? "2d" : date];
  }

  #word(): string {
    return this.#random.pick(this.#random.chance(50) ? commonWords : words);
  }

  #set(): string {
    const random = this.#random;
    let hasLast = false;
    const number = (): string => {
      // Once at most: with more of them in a set Dovecot 2.3 crashes, or miscounts.
      if (hasLast || !random.chance(10)) return String(1 + random.below(20));
      hasLast = true;
      return "*";
    };
    const ranges = random.several([1, 1, 2], 1, 3).map((ends) =>
      ends === 1 ? number() : `${number()}:${number()}`
    );
    return ranges.join(",");
  }

  #anyCase(key: string): string {
    return this.#random.chance(50) ? key : key.toLowerCase();
  }
}
