/**
 * Search queries that are made up: right ones, and right ones that something was done to.
 *
 * @module
 */

import type { Random } from "../../../harness/random.ts";

const flags = [
  ...["ALL", "ANSWERED", "UNANSWERED", "DELETED", "UNDELETED", "DRAFT", "UNDRAFT", "FLAGGED"],
  ...["UNFLAGGED", "SEEN", "UNSEEN", "RECENT", "OLD", "NEW", "$", "SAVEDATESUPPORTED"],
  "OLDESTONLY",
];

/** Dates that some version takes, and such as none does. */
const dates = [
  ...[
    "2026-01-31",
    "2026-02-31",
    "2026-13-01",
    "2026-00-10",
    "2026-12-00",
    "0000-01-01",
    "9999-12-31",
  ],
  ...["2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2026-1-31", "02026-01-31"],
  ...["31-Jan-2026", "31-jan-2026", " 1-Feb-2026", "01-FEB-2026", "1-Feb-2026", "  1-Feb-2026"],
  ...["31-Feb-1999", "31-Feb-2000", "00-Jan-1999", "32-Dec-1970", "99-Jan-0000", "001-Jan-2026"],
  ...["1-Jan-26", "1-Januar-2026", "1-Jan-2026x", "29-Feb-2024"],
  ...["31-Jan-2026 10:00:00 +0100", "31-Jan-2026 10:00:00 nonsense", "31-Jan-2026 10:00:00 "],
  ...["31-Jan-2026 10:00:00", "31-Jan-2026 10:00 +0000", "31-Jan-2026 23:59:60 +0000"],
  ...["31-Feb-1999 10:00:00 +0000", "01-Jan-1999 24:00:00 +0000", "31-Dec-1969 23:59:59 +0000"],
  ...["01-Jan-1970 00:00:59 +0001", "01-Jan-1970 00:00:59 +0002", "31-Jan-2026  10:00:00 +0100"],
  ...["0", "1", "-1", "-2", "-0", "00", "1767225600", "-86400", "+5", "1.5", "0x10", "-"],
  ...["2weeks", "3d", "2 days", "2  days", "12hours", "1w", "5min", "5m", "30secs", "0s", "0 "],
  ...[
    "1 month",
    "2 days ago",
    "days",
    "5ms",
    "5000ms",
    "3000 milliseconds",
    "2 D",
    "1 WEEK",
    "1day s",
  ],
  ...[
    "4294967295s",
    "4294967296s",
    "7101w",
    "7102w",
    "18446744073709551615s",
    "00000000000000000000001d",
  ],
  ...["", " ", "yesterday", "3d ", "\t3d", "3\td", "3d\n", "2026-01-31 "],
];

const sizes = [
  ...[
    "0",
    "100",
    "1k",
    "2K",
    "1M",
    "10M",
    "5kb",
    "5KiB",
    "5 MB",
    "1g",
    "1t",
    "1Ti",
    "5b",
    "5B",
    "00012",
  ],
  ...["", "k", "-1", "1x", "1ib", "1kk", "1k k", "1.5M", "1bb", "1p", "18446744073709551615", "1 "],
  ...[
    "18446744073709551616",
    "16777215T",
    "16777216T",
    "99999999999999999999999",
    "1e3",
    "+1",
    "١",
  ],
];

const sets = [
  ...[
    "1",
    "1:3",
    "1:*",
    "3:1",
    "1,2,3",
    "2,",
    "1:2,4:5",
    "5:5",
    "4294967295",
    "4294967294",
    "*:4",
    "8:*",
  ],
  ...["4294967297", "007"],
  ...[
    "0",
    "0:3",
    "3:0",
    "1:",
    ":1",
    "1,,2",
    ",1",
    "1:2:3",
    "1-2",
    "1 2",
    "-1",
    "x",
    "1,x",
    "**",
    ",",
  ],
  ...[
    "4294967296",
    "1:4294967296",
    "8589934592",
    "*,0",
    "1;2",
    "1:x",
    "$",
    "1,$",
    "1.0",
    " 1",
    "1 ",
  ],
];

const words = [
  ...[
    "",
    "x",
    "all",
    "(",
    ")",
    "not",
    "OR",
    "ü",
    "日本語",
    "😀",
    '"',
    "\\",
    "a b",
    "*",
    "%",
    "\t",
    "\n",
  ],
  ...["\r\n", "\x01", "\x7f", "{3}", "\ufffe", "x".repeat(300), "NIL", "$Label1"],
];

const mutf7 = [
  ...[
    "INBOX",
    "&ANw-bung",
    "R&-D",
    "",
    "&",
    "&-",
    "&AAA",
    "&AAA-",
    "&A-",
    "&AEE-",
    "&ANwA-",
    "&ANwA3A-",
  ],
  ...[
    "Übung",
    "&-ü",
    "ü&-",
    "&2D3eAA-",
    "&2D0-",
    "&3gA-",
    "&ANw-&ANw-",
    "&ANw-&-",
    "a&ANw-b*",
    "&ANw",
  ],
  ...["&-\x02", "&ANw=-", "&AN w-", "&ANü-", "&IKw-", "&2D3d,w-", "&AA-"],
];

const modseqs = [
  "0",
  "1",
  "18446744073709551615",
  "18446744073709551616",
  "-1",
  "x",
  "",
  "1 ",
  "01",
];

const modseqNames = [
  ...["/flags/\\Seen", "/FLAGS/\\answered", "/flags/$label1", "/flags/", "/flags/x"],
  ...["/flags/\\Recent", "/flags/\\Spam", "/flags/\\", "/flag/\\Seen", "flags", "/flags"],
];

const seconds = ["1", "60", "4294967295", "4294967296", "0", "-1", "1d", "", "x", "00", "01", "1 "];

const mimeTexts = [
  ...[
    "DESCRIPTION",
    "ENCODING",
    "ID",
    "LANGUAGE",
    "LOCATION",
    "MD5",
    "TYPE",
    "SUBTYPE",
    "BCC",
    "CC",
  ],
  ...["FROM", "IN-REPLY-TO", "MESSAGE-ID", "REPLY-TO", "SENDER", "SUBJECT", "TO", "BODY", "TEXT"],
];

/** Words that can stand where a key should. */
const oddWords = [
  ...["nonsense", "uid", "UID", "mailbox", "header", "(", ")", "not", "or", "and", "all", "1", "*"],
  ...[
    "",
    " ",
    "x-guid",
    "savedon",
    "fuzzy",
    "inthread",
    "mimepart",
    "exists",
    "size",
    "keyword",
    "ſeen",
  ],
  ...[
    "__proto__",
    "toString",
    "constructor",
    "deleted ",
    "ALL\n",
    "user",
    "unrecent",
    "X-SAVED",
    "SENT",
  ],
];

/** Makes queries. */
export class MadeUpQueries {
  readonly #random: Random;

  /** Creates one that draws from a source of random choices. */
  constructor(random: Random) {
    this.#random = random;
  }

  /** A query that is right but for its values, which may not be; or one that words were changed in. */
  next(): string[] {
    const random = this.#random;
    const query = this.#list(3);
    if (random.chance(45)) return query;
    const changes = random.pick([1, 1, 1, 2, 3]);
    for (let at = 0; at < changes; at++) this.#change(query);
    return query;
  }

  /** A query that is right, if the values that are drawn are. */
  #list(depth: number): string[] {
    const random = this.#random;
    const count = random.pick([1, 1, 2, 3]);
    const or = random.chance(20);
    return Array.from({ length: count }, (_, at) => {
      return [...(or && at > 0 ? [this.#anyCase("OR")] : []), ...this.#key(depth)];
    }).flat();
  }

  #change(query: string[]): void {
    const random = this.#random;
    const at = random.below(query.length + 1);
    const word = random.pick(random.chance(70) ? oddWords : words);
    switch (random.below(6)) {
      case 0:
        query.splice(at, 1);
        return;
      case 1:
        query.splice(at, 0, word);
        return;
      case 2:
        query.splice(at, 1, word);
        return;
      case 3:
        query.length = at;
        return;
      case 4: {
        const [one = "all"] = query.splice(at, 1);
        query.splice(random.below(query.length + 1), 0, one);
        return;
      }
      default: {
        const old = [...query[at] ?? ""];
        const place = random.below(old.length + 1);
        const character = random.pick([...":,*0-/ &$\\kdw+ \tü"]);
        query.splice(at, 1, old.toSpliced(place, random.below(2), character).join(""));
      }
    }
  }

  #key(depth: number): string[] {
    const random = this.#random;
    if (depth > 0 && random.chance(25)) return this.#compound(depth - 1);
    switch (random.below(14)) {
      case 0:
        return [this.#anyCase(random.pick(flags))];
      case 1:
        return [this.#value(sets)];
      case 2:
        return [this.#anyCase(random.pick(["UID", "X-REAL-UID"])), this.#value(sets)];
      case 3:
        return [
          this.#anyCase(random.pick(["KEYWORD", "UNKEYWORD", "GUID", "X-GUID"])),
          this.#word(),
        ];
      case 4:
      case 5:
      case 6: {
        const prefix = random.pick(["", "SENT", "SAVED", "X-SAVED"]);
        const key = prefix + random.pick(["BEFORE", "ON", "SINCE"]);
        return [this.#anyCase(key), this.#value(dates)];
      }
      case 7:
        return [this.#anyCase(random.pick(["LARGER", "SMALLER"])), this.#value(sizes)];
      case 8: {
        const key = random.pick(["FROM", "TO", "CC", "BCC", "SUBJECT", "BODY", "TEXT"]);
        return [this.#anyCase(key), this.#word()];
      }
      case 9:
        return [this.#anyCase("HEADER"), this.#word(), this.#word()];
      case 10:
        return [this.#anyCase(random.pick(["OLDER", "YOUNGER"])), this.#value(seconds)];
      case 11: {
        const name = random.chance(50) ? [this.#value(modseqNames)] : [];
        const part = name.length > 0 && random.chance(90)
          ? [random.pick(["all", "PRIV", "Shared", "some"])]
          : [];
        return [this.#anyCase("MODSEQ"), ...name, ...part, this.#value(modseqs)];
      }
      case 12:
        return random.chance(50)
          ? [this.#anyCase("X-MAILBOX"), random.pick(mutf7)]
          : [this.#anyCase(random.pick(["MAILBOX", "MAILBOX-GUID"])), this.#word()];
      default:
        return [this.#anyCase("MIMEPART"), ...this.#mimeKey(2)];
    }
  }

  #compound(depth: number): string[] {
    const random = this.#random;
    switch (random.below(6)) {
      case 0:
      case 1:
        return [this.#anyCase(random.pick(["NOT", "FUZZY"])), ...this.#key(depth)];
      case 2: {
        const algorithm = random.pick(["REFERENCES", "refs", "ORDEREDSUBJECT", "SUBJECT"]);
        return [this.#anyCase("INTHREAD"), algorithm, ...this.#key(depth)];
      }
      default:
        return ["(", ...this.#list(depth), ")"];
    }
  }

  #mimeKey(depth: number): string[] {
    const random = this.#random;
    switch (random.below(depth > 0 ? 12 : 7)) {
      case 0:
      case 1:
        return [this.#anyCase(random.pick(mimeTexts)), this.#word()];
      case 2:
        return [this.#anyCase(random.pick(["PARAM", "HEADER"])), this.#word(), this.#word()];
      case 3:
        return [this.#anyCase("SENT" + random.pick(["BEFORE", "ON", "SINCE"])), this.#value(dates)];
      case 4: {
        const [key, before] = random.pick(
          [
            ["SIZE", ["LARGER", "smaller", ""]],
            ["DEPTH", ["MIN", "max", ""]],
            ["INDEX", [""]],
          ] as const,
        );
        const word = random.pick<string>(before);
        const number = random.pick([
          "0",
          "3",
          "4294967295",
          "4294967296",
          "x",
          "18446744073709551616",
        ]);
        return [this.#anyCase(key), ...(word === "" ? [] : [word]), number];
      }
      case 5:
        return random.chance(50)
          ? ["DISPOSITION", random.pick(["TYPE", "type", "kind"]), this.#word()]
          : ["DISPOSITION", "PARAM", this.#word(), this.#word()];
      case 6:
        return ["FILENAME", random.pick(["IS", "contains", "BEGINS", "ENDS", "HAS"]), this.#word()];
      case 7:
        return [this.#anyCase("NOT"), ...this.#mimeKey(depth - 1)];
      case 8:
        return [this.#anyCase("OR"), ...this.#mimeKey(depth - 1), ...this.#mimeKey(depth - 1)];
      case 9:
        return [
          this.#anyCase(random.pick(["PARENT", "CHILD"])),
          ...(random.chance(40) ? ["EXISTS"] : this.#mimeKey(depth - 1)),
        ];
      case 10:
        return ["EXISTS"];
      default:
        return ["(", ...this.#mimeKey(depth - 1), ...this.#mimeKey(depth - 1), ")"];
    }
  }

  #word(): string {
    return this.#random.pick(words);
  }

  /** A value of a list, the first half of which is right more often than not. */
  #value(values: readonly string[]): string {
    const random = this.#random;
    return values[
      random.chance(60) ? random.below(Math.ceil(values.length / 2)) : random.below(values.length)
    ];
  }

  #anyCase(key: string): string {
    return this.#random.chance(50) ? key : key.toLowerCase();
  }
}
