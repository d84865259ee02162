/**
 * Random commands: every command with its options and arguments, also with mistakes.
 *
 * @module
 */

import { saved } from "./mail_set.ts";
import { type Known, mailboxes, masks, Queries } from "./queries.ts";
import type { Question } from "./question.ts";
import { Random } from "../../harness/random.ts";

/**
 * Names of mailboxes that are created, renamed and deleted. Few have the same parent: after their parent
 * was renamed, mailboxes are listed in the order of the folders on disk, which depends on the file
 * system.
 */
const names: readonly string[] = [
  "New",
  "New/Child",
  "New/Child/Deep",
  "Other Box",
  "Über/Größe",
  "Archive/2025",
  "Renamed",
  "Renamed/Child",
  "Empty",
  "R&D",
  "A&B",
];

const badNames: readonly string[] = [
  "",
  "/",
  "/Slash",
  "New//Twice",
  "~home",
  "..",
  "New/../x",
  "a/",
  "dot.ted",
  "line\nend",
  "tab\tin",
];

const fields: readonly string[] = [
  ...["user", "mailbox", "mailbox-guid", "seq", "uid", "guid", "flags", "modseq", "hdr", "body"],
  ...["body.preview", "body.snippet", "text", "text.utf8", "size.physical", "size.virtual"],
  ...["date.received", "date.sent", "date.saved", "date.received.unixtime", "date.sent.unixtime"],
  ...["date.saved.unixtime", "imap.envelope", "imap.body", "imap.bodystructure", "pop3.uidl"],
  ...["pop3.order", "refcount", "storageid"],
  ...["hdr.subject", "hdr.Subject.utf8", "hdr.from", "hdr.from.address", "hdr.to.address_name"],
  ...["hdr.from.address_name.utf8", "hdr.x-same", "hdr.received", "hdr.nothing", "hdr.to.address"],
  ...["hdr.date", "hdr.message-id", "hdr.subject.utf8", "hdr.references"],
  ...["body.1", "body.2", "body.1.mime", "body.2.1", "body.2.header", "body.2.text", "body.text"],
  ...["body.header", "body.2.1.mime", "body.3", "binary.1", "binary.2", "binary.3", "body.9"],
  ...["binary.2.2", "body.2.2"],
];

const badFields: readonly string[] = [
  "nothing",
  "hdr.subject.nothing",
  "body.x",
  "body.header.fields.(subject",
  "body.",
  "binary.0",
  "UIDS",
  "date",
];

const statusFields: readonly string[] = [
  ...["all", "messages", "recent", "uidnext", "uidvalidity", "unseen", "highestmodseq", "vsize"],
  ...["guid", "firstsaved"],
];

const flagLists: readonly string[] = [
  "\\Seen",
  "\\Flagged \\Answered",
  "$Label1",
  "Work NonJunk",
  "\\Seen Work",
  "\\Deleted",
  "new-keyword",
  "\\Draft $Label1 \\Seen",
  "work",
];

const badFlags: readonly string[] = ["\\Nothing", "", "a(b", "\\Recent", "\\Seen  \\Flagged", "ä"];

/** Whether an argument makes a command of 2.4 act on all users. */
function selectsAll(arg: string): boolean {
  return /^(?:-A|--a)/.test(arg);
}

type Maker = () => Question;

/** Generates random commands, the same ones for the same seed. */
export class Generator {
  readonly #random: Random;
  readonly #queries: Queries;
  readonly #makers: readonly Maker[];
  #made = 0;

  /** Creates one with a seed. */
  constructor(seed: number, known: Known) {
    this.#random = new Random(seed);
    this.#queries = new Queries(this.#random, known);
    const makers: readonly (readonly [weight: number, maker: Maker])[] = [
      [26, () => this.#fetch()],
      [22, () => this.#search()],
      [8, () => this.#mailboxStatus()],
      [6, () => this.#mailboxList()],
      [4, () => this.#mailboxCreate()],
      [3, () => this.#mailboxDelete()],
      [3, () => this.#mailboxRename()],
      [3, () => this.#subscribe()],
      [6, () => this.#flags()],
      [5, () => this.#save()],
      [5, () => this.#copy()],
      [4, () => this.#expunge()],
      [2, () => this.#quota()],
      [3, () => this.#user()],
      [2, () => this.#sessions()],
      [3, () => this.#maintenance()],
      [1, () => this.#unknown()],
    ];
    this.#makers = makers.flatMap(([weight, maker]) => Array<Maker>(weight).fill(maker));
  }

  /** The next command. */
  next(): Question {
    return this.#random.pick(this.#makers)();
  }

  #fetch(): Question {
    const random = this.#random;
    const wanted = random.several(fields, 1, 5);
    if (random.chance(5)) wanted.push(random.pick(badFields));
    const query = this.#queries.any();
    const fieldArgs = random.chance(90)
      ? [wanted.join(" ")]
      : wanted.flatMap((field) => ["--field", field]);
    return this.#mailCommand("fetch", [...fieldArgs, ...query]);
  }

  #search(): Question {
    return this.#mailCommand("search", this.#queries.any());
  }

  #mailboxStatus(): Question {
    const random = this.#random;
    const wanted = random.several(statusFields, 1, 3);
    if (random.chance(5)) wanted.push(random.pick(["nothing", "UIDNEXT", ""]));
    const mailboxArgs = random.several([...mailboxes, ...masks, ...masks, ...names], 1, 2);
    const total = random.chance(25) ? [random.pick(["-t", "--total-sum"])] : [];
    const fieldArgs = random.chance(85)
      ? [wanted.join(" ")]
      : wanted.map((field) => random.pick([`-f${field}`, `--field=${field}`]));
    const args = random.chance(4) ? fieldArgs : [...fieldArgs, ...mailboxArgs];
    return this.#mailCommand("mailbox status", [...total, ...args]);
  }

  #mailboxList(): Question {
    const random = this.#random;
    const options = random.several(
      ["-s", "-7", "-8", "--mutf7", "--utf8", "--subscriptions", "-s7", "--subs"],
      0,
      1,
    );
    return this.#mailCommand("mailbox list", [
      ...options,
      ...random.several([...masks, ...mailboxes, ...names], 0, 2),
    ]);
  }

  #mailboxCreate(): Question {
    const random = this.#random;
    const options = random.chance(30) ? [random.pick(["-s", "--subscriptions"])] : [];
    if (random.chance(10)) {
      const guid = random.pick(["0123456789abcdef0123456789ABCDEF", "not-a-guid"]);
      // See `avoided` about existing mailboxes.
      return this.#mailCommand("mailbox create", ["-g", guid, `Made ${this.#made++}`]);
    }
    return this.#mailCommand("mailbox create", [...options, ...this.#someNames(0)]);
  }

  #mailboxDelete(): Question {
    const random = this.#random;
    // See `avoided` about "-Z".
    const options = random.several(["-r", "-s", "--recursive", "-rs"], 0, 1);
    return this.#mailCommand("mailbox delete", [...options, ...this.#someNames(20)]);
  }

  #mailboxRename(): Question {
    const random = this.#random;
    const options = random.chance(25) ? ["-s"] : [];
    const from = random.pick([...names, ...names, "Trash", "Missing", "INBOX"]);
    const to = random.chance(10) ? random.pick(badNames) : random.pick(names);
    const args = [from, to];
    if (random.chance(6)) args.push("more");
    return this.#mailCommand("mailbox rename", [...options, ...args]);
  }

  #subscribe(): Question {
    const name = this.#random.pick(["mailbox subscribe", "mailbox unsubscribe"]);
    return this.#mailCommand(name, this.#someNames(60));
  }

  #flags(): Question {
    const random = this.#random;
    const name = random.pick(["flags add", "flags add", "flags remove", "flags replace"]);
    const flags = random.pick(random.chance(12) ? badFlags : flagLists);
    const query = random.chance(90) ? this.#queries.inMailbox() : [];
    return this.#mailCommand(name, [flags, ...query]);
  }

  #save(): Question {
    const random = this.#random;
    const mailbox = random.pick([...mailboxes, ...names, "Missing"]);
    const option = random.pick([[], ["-m", mailbox], [`--mailbox=${mailbox}`], ["-m", mailbox]]);
    const { user } = this.#mailCommand("save", []);
    // After a bad option, the server would not read the input, but take it for commands.
    return { name: "save", user, args: option, input: random.pick(saved) };
  }

  #copy(): Question {
    const random = this.#random;
    const name = random.pick(["copy", "move"]);
    const destination = random.pick([...mailboxes, ...names, "Missing"]);
    const from = random.chance(15) ? ["user", random.pick(["bob", "alice", "nobody"])] : [];
    const args = [destination, ...from, ...this.#queries.inMailbox()];
    const question = this.#mailCommand(name, args);
    // See `avoided` about a user's own mails.
    const isOwn = from.length > 0 &&
      (question.user?.toLowerCase() === from[1] || question.args.some(selectsAll));
    return isOwn ? this.#copy() : question;
  }

  #expunge(): Question {
    const random = this.#random;
    // Without "-d", and "mailbox delete" without "-e": in a mailbox that changed in the same second
    // Dovecot sometimes takes its own deletion for one by another process.
    const unsafe = ["all", ...this.#queries.place()].slice(random.below(2));
    const query = random.chance(15) ? unsafe : this.#queries.inMailbox();
    return this.#mailCommand("expunge", query);
  }

  #quota(): Question {
    const random = this.#random;
    const args = random.chance(20) ? ["extra"] : [];
    return this.#mailCommand(random.pick(["quota get", "quota get", "quota recalc"]), args);
  }

  #user(): Question {
    const random = this.#random;
    const all = ["alice", "bob", "*", "a*", "?ob", "nobody", "*@example.org", "dora@example.org"];
    const options = random.chance(30) ? ["-f", random.pick(["home", "uid", "nothing"])] : [];
    return { name: "user", args: [...options, ...random.several([...all, "", "ALICE"], 0, 2)] };
  }

  #sessions(): Question {
    const random = this.#random;
    if (random.chance(50)) {
      return { name: "who", args: random.several(["-1", "alice", "*", "127.0.0.1"], 0, 1) };
    }
    return {
      name: "kick",
      args: random.several(["alice", "nobody", "*", "127.0.0.1", "-f"], 0, 2),
    };
  }

  #maintenance(): Question {
    const random = this.#random;
    const name = random.pick(["force-resync", "index", "purge", "index", "force-resync"]);
    const args = random.several([...mailboxes, ...masks, "Missing"], 1, 1);
    if (name === "purge") return this.#mailCommand(name, random.chance(20) ? args : []);
    const options = name === "index"
      ? random.several(["-n", "-n100", "--max-recent=5"], 0, 1)
      : random.several(["-f", "--fsck"], 0, 1);
    return this.#mailCommand(name, [...options, ...random.chance(8) ? [] : args]);
  }

  #unknown(): Question {
    const random = this.#random;
    const name = random.pick(["nonsense", "mailbox", "mailbox nonsense", "FETCH", "flags"]);
    return { name, user: "alice", args: random.several(["a", "-x", ""], 0, 2) };
  }

  #someNames(existing: number): string[] {
    const random = this.#random;
    const pool = random.chance(existing) ? mailboxes.slice(3) : names;
    const some = random.several(pool, 1, 2);
    if (random.chance(12)) some.push(random.pick(badNames));
    return random.chance(4) ? [] : some;
  }

  /** A command on a user's mail, with the options that all of these have, and mistakes. */
  #mailCommand(name: string, args: readonly string[]): Question {
    const random = this.#random;
    const roll = random.below(100);
    const user = roll < 70
      ? "alice"
      : roll < 88
      ? "bob"
      : roll < 94
      ? random.pick(["carol", "dora@example.org"])
      : roll < 96
      ? "nobody"
      : random.pick(["ALICE", "a*", undefined]);
    const words = [...args];
    if (random.chance(6)) words.unshift(random.pick(["-A", "--all-users", "-u*", "--user=a?"]));
    if (random.chance(3)) words.push(random.pick(["-A", "-u", "bob"]));
    if (random.chance(3)) {
      words.unshift(random.pick(["-x", "--nothing", "-", "--", "--a", "--all-users=1", "-m"]));
    }
    return { name, ...user === undefined ? {} : { user }, args: words };
  }
}
