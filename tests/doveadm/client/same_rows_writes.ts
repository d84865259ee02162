/**
 * The calls that write, in sequences that are the same for each way to a server, and the calls that
 * fail.
 *
 * @module
 */

import type { DoveadmCall } from "../../../mod.ts";
import { dictOf, fsOf, type Place, type Way } from "./same_rows_calls.ts";

/** A call of a sequence, and what of its answer isn't the same each time. */
export interface Step {
  readonly call: DoveadmCall;
  /** Columns whose values change by themselves, and why; their types are compared. */
  readonly moving?: Readonly<Record<string, string>>;
  /** The code that it fails with. */
  readonly code?: string;
  /** Why one way gives something else, and with which error. */
  readonly differs?: { readonly way: Way; readonly error: string; readonly why: string };
}

/** A call, or with what moves in its answer. */
type StepOrCall = DoveadmCall | Step;

/** The steps of a sequence. */
export function stepsOf(sequence: readonly StepOrCall[]): readonly Step[] {
  return sequence.map((step) => "call" in step ? step : { call: step });
}

const crlf = "From: a@example.org\r\nSubject: dots\r\n\r\n.\r\n..\r\nGrüße\r\n";
const text = (subject: string) => `Subject: ${subject}\n\nHello.\n`;

/** What a way does to the mail of the user with the way's name, and reads afterwards. */
export function mailWrites(place: Place, way: Way): readonly StepOrCall[] {
  const is24 = place.version === "2.4";
  const user = way;
  const guid = "0123456789abcdef0123456789abcdef";
  const status = [
    "mailbox status",
    {
      user,
      field: ["messages", "uidnext", "unseen", "vsize"],
      mailboxMask: ["INBOX", "Old", "New*"],
    },
  ] as const;
  const list = ["mailbox list", { user }] as const;
  const mails = [
    "fetch",
    { user, field: ["mailbox", "uid", "flags", "hdr.subject", "text"], query: ["all"] },
  ] as const;
  const old = ["mailbox", "Old"];
  const acl = { user, mailbox: "Old" };
  const aclGet = ["acl get", acl] as const;
  const sieves = ["sieve list", { user }] as const;
  const comment = { user, mailbox: "Old", key: "/private/comment" };
  const key = { pubid: "keys are made up" };
  const decision = { user, fieldstr: "hdr.subject", mailbox: ["INBOX"] };
  return [
    ["mailbox create", { user, subscriptions: true, guid, mailbox: ["New"] }],
    ["mailbox create", { user, mailbox: ["New/Sub", "Gone", "Übung/a b"] }],
    ["mailbox rename", { user, mailbox: "New/Sub", newName: "New/Kid" }],
    ["mailbox subscribe", { user, mailbox: ["Old", "New/Kid"] }],
    ["mailbox unsubscribe", { user, mailbox: ["New"] }],
    ["mailbox delete", { user, mailbox: ["Gone"] }],
    [
      "mailbox update",
      { user, mailbox: "New", uidValidity: 1234, minNextUid: 77n, minHighestModseq: 99 },
    ],
    list,
    ["mailbox list", { user, subscriptions: true }],
    ["mailbox status", {
      user,
      field: ["uidvalidity", "uidnext", "highestmodseq", "guid", "firstsaved"],
      mailboxMask: ["New"],
    }],
    ["save", { user, mailbox: "New", file: crlf }],
    ["save", { user, mailbox: "New", file: new TextEncoder().encode(text("bytes")) }],
    ["save", { user, file: [text("pieces"), new Uint8Array([0x2e, 0x0a])] }],
    ...(is24
      ? [
        ["save", {
          user,
          mailbox: "New",
          uid: 90,
          guid: "mine",
          receivedDate: "03-Feb-2026 04:05:06 +0000",
          file: text("dated"),
        }] as const,
      ]
      : []),
    ["copy", { user, destinationMailbox: "New", query: ["mailbox", "INBOX", "uid", "1"] }],
    [
      "copy",
      { user, sourceUser: "bob", destinationMailbox: "New", query: ["mailbox", "INBOX", "all"] },
    ],
    ["move", { user, destinationMailbox: "Old", query: ["mailbox", "INBOX", "uid", "2"] }],
    ["flags add", { user, flag: ["\\Seen", "\\Flagged", "$Mine"], query: old }],
    ["flags remove", { user, flag: ["\\Flagged"], query: old }],
    ["flags replace", { user, flag: ["\\Answered"], query: ["mailbox", "INBOX", "uid", "1"] }],
    mails,
    ["flags replace", { user, flag: [], query: ["mailbox", "INBOX", "uid", "1"] }],
    mails,
    status,
    ["expunge", { user, query: ["mailbox", "INBOX", "uid", "3"] }],
    ["copy", { user, destinationMailbox: "Old", query: ["mailbox", "Old", "uid", "1"] }],
    ["deduplicate", { user, query: old }],
    ["purge", { user }],
    ["force-resync", { user, mailboxMask: "*" }],
    ["index", { user, mailboxMask: ["INBOX"] }],
    ["quota recalc", { user }],
    ["quota get", { user }],
    mails,
    status,
    ["mailbox metadata set", { ...comment, value: "mine\tand\nyours" }],
    ["mailbox metadata get", comment],
    ["mailbox metadata unset", comment],
    ["mailbox metadata get", comment],
    ["mailbox cache decision", { ...decision, decision: "yes", lastUsed: 1_700_000_000 }],
    {
      call: ["mailbox cache decision", decision],
      moving: { "last-used": "the decision above is itself a use" },
    },
    ["mailbox cache remove", { user, query: ["mailbox", "INBOX"] }],
    ["mailbox cache purge", { user, mailbox: ["INBOX"] }],
    ["acl set", { ...acl, id: "user=bob", right: ["lookup", "read"] }],
    ["acl add", { ...acl, id: "user=bob", right: ["write"] }],
    aclGet,
    ["acl remove", { ...acl, id: "user=bob", right: ["read"] }],
    aclGet,
    ["acl delete", { ...acl, id: "user=bob" }],
    ["acl recalc", { user }],
    aclGet,
    ["sieve put", { user, activate: true, scriptname: "one", file: "keep;\n/*\n.\n..\n*/\n" }],
    ["sieve put", { user, scriptname: "two", file: '# ".é"\ndiscard;' }],
    sieves,
    ["sieve rename", { user, oldname: "two", newname: "three" }],
    ["sieve activate", { user, scriptname: "three" }],
    sieves,
    ["sieve get", { user, scriptname: "three" }],
    ["sieve deactivate", { user }],
    ["sieve delete", { user, scriptname: ["one", "three"] }],
    sieves,
    { call: ["mailbox cryptokey generate", { user, userKeyOnly: true }], moving: key },
    { call: ["mailbox cryptokey list", { user, userKey: true }], moving: key },
    ["mailbox cryptokey password", { user, newPassword: "new" }],
    {
      call: ["mailbox cryptokey password", { user, oldPassword: "wrong", newPassword: "newer" }],
      code: "DATAERR",
    },
    ...(is24 ? mailWrites24(place, way) : []),
    ...keyWrites(place, way),
    ["mailbox delete", { user, recursive: true, subscriptions: true, mailbox: ["New"] }],
    list,
  ];
}

function mailWrites24({ folder }: Place, way: Way): StepOrCall[] {
  const user = way;
  const dict = { user, filterName: "dict_server" };
  const key = { ...dict, key: `priv/${way}` };
  const fs = { user, filterName: "mail_ext_attachment" };
  const path = `mine/${way}`;
  const moving = { guid: "a mailbox has its own for each user" };
  return [
    ["mail dict set", { ...key, value: "1" }],
    ["mail dict inc", { ...key, difference: 41 }],
    ["mail dict get", key],
    ["mail dict unset", key],
    ["mail dict iter", { ...dict, exact: true, prefix: `priv/${way}` }],
    ["mail fs put", { ...fs, inputPath: `${folder}/passwd`, path }],
    ["mail fs copy", { ...fs, sourcePath: path, destinationPath: `${path}-again` }],
    ["mail fs stat", { ...fs, path: `${path}-again` }],
    ["mail fs delete", { ...fs, path: [path, `${path}-again`] }],
    { call: ["mail fs get", { ...fs, path }], code: "NOTFOUND" },
    ["fts rescan", { user }],
    ["index", { user, mailboxMask: ["Old"] }],
    ["fts optimize", { user }],
    { call: ["fts flatcurve rotate", { user, mailboxMask: ["Old"] }], moving },
    { call: ["fts flatcurve stats", { user, mailboxMask: ["Old"] }], moving },
    { call: ["fts flatcurve remove", { user, mailboxMask: ["Old"] }], moving },
  ];
}

/** Keys and files, whose names have the way's. */
function keyWrites(place: Place, way: Way): DoveadmCall[] {
  const dict = dictOf(place);
  const key = { ...dict, key: `shared/${way}/n` };
  const fs = fsOf(place);
  const iter = ["dict iter", { ...dict, recurse: true, prefix: `shared/${way}/` }] as const;
  const files = ["fs iter", { ...fs, path: way }] as const;
  return [
    ["dict set", { ...key, value: "1" }],
    ["dict inc", { ...key, difference: 41 }],
    ["dict get", key],
    iter,
    ["dict set", { ...dict, user: way, key: "priv/x", value: "a\tb\\c é" }],
    ["dict get", { ...dict, user: way, key: "priv/x" }],
    ["dict unset", key],
    iter,
    ["fs put", { ...fs, inputPath: `${place.folder}/passwd`, path: `${way}/one` }],
    ["fs copy", { ...fs, sourcePath: `${way}/one`, destinationPath: `${way}/three` }],
    ["fs delete", { ...fs, path: [`${way}/one`] }],
    files,
    ["fs delete", { ...fs, recursive: true, path: [way] }],
    files,
  ];
}

/** What each way does to the server itself, one after the other; in the end it is as before. */
export function serverWrites({ version }: Place, kicked: string): readonly StepOrCall[] {
  const metrics: Step = {
    call: ["stats dump", { fields: "count" }],
    moving: { count: "it counts what is done, and calls are" },
  };
  const flush: DoveadmCall = ["auth cache flush", { user: ["alice", "bob"] }];
  return [
    [
      "stats add",
      {
        ...{ name: "more", filter: "event=mail_opened", description: "More." },
        ...{ fields: "user", groupBy: "user" },
      },
    ],
    metrics,
    ["stats remove", { name: "more" }],
    metrics,
    ["kick", { mask: [kicked] }],
    version === "2.3" ? flush : {
      call: flush,
      differs: {
        ...{ way: "http", error: "ConnectionLostError" },
        why: 'the server\'s process crashes where "user" is an array',
      },
    },
    ["log reopen"],
    ...(version === "2.3" ? serverWrites23() : serverWrites24()),
  ];
}

function serverWrites23(): StepOrCall[] {
  const host = "127.0.0.4";
  const hosts: Step = {
    call: ["director status"],
    moving: { "state-changed": "that is when it was changed last" },
  };
  const user = ["replicator status", { userMask: "alice" }] as const;
  return [
    ["director flush", { host: "all", forceFlush: true }],
    ["director add", { host, vhostCount: "10" }],
    hosts,
    ["director update", { host, vhostCount: "50" }],
    ["director down", { host: "127.0.0.2" }],
    hosts,
    ["director up", { host: "127.0.0.2" }],
    ["director move", { user: "bob", host }],
    {
      call: ["director status", { user: "bob" }],
      moving: { expires: "that is some time after the call" },
    },
    ["director kick", { user: "bob" }],
    ["director flush", { host: "all", forceFlush: true }],
    ["director remove", { host }],
    ["director dump"],
    ["replicator add", { userMask: "carol" }],
    ["replicator replicate", { priority: "high", userMask: "alice" }],
    user,
    ["replicator remove", { user: "alice" }],
    user,
    ["replicator add", { userMask: "alice" }],
    user,
  ];
}

function serverWrites24(): StepOrCall[] {
  const queue = ["indexer list", { userMask: "carol" }] as const;
  return [
    ["indexer add", { user: "carol", mailbox: "INBOX" }],
    queue,
    ["indexer remove", { userMask: "carol", mailboxMask: "*" }],
    queue,
    ["proxy kick", { mask: ["nobody"] }],
  ];
}

/** Calls that fail on all ways with the same code, or with the same error where there is none. */
export function failures(place: Place): readonly (readonly [call: DoveadmCall, code: string])[] {
  const user = "alice";
  const dict = dictOf(place);
  const fs = fsOf(place);
  const fromNobody = { user, sourceUser: "nobody", destinationMailbox: "Sent" };
  return [
    [["mailbox list", { user: "nobody" }], "NOUSER"],
    [["user", { userMask: ["nobody"] }], "NOUSER"],
    [["user", { userMask: ["alice", "nobody"] }], "NOUSER"],
    [["mailbox delete", { user, mailbox: ["Nosuch"] }], "NOTFOUND"],
    [["mailbox status", { user, field: ["messages"], mailboxMask: ["Nosuch"] }], "NOTFOUND"],
    [["acl get", { user, mailbox: "Nosuch" }], "NOTFOUND"],
    [["sieve get", { user, scriptname: "nosuch" }], "NOTFOUND"],
    [["save", { user, mailbox: "Nosuch", file: text("nowhere") }], "NOTFOUND"],
    [["dict get", { ...dict, key: "shared/nosuch" }], "NOTFOUND"],
    [["fs get", { ...fs, path: "nosuch" }], "NOTFOUND"],
    [["instance remove", { name: "nosuch" }], "NOTFOUND"],
    [["sieve put", { user, scriptname: "bad", file: "this is no script;" }], "DATAERR"],
    [["mailbox create", { user, mailbox: ["Sent"] }], "DATAERR"],
    [["mailbox cache decision", { user, all: true, mailbox: ["Sent"] }], "TEMPFAIL"],
    [["dict get", { ...dict, key: "nosuch" }], "USAGE"],
    [["who", { mask: ["a", "b"] }], "USAGE"],
    ...(place.version === "2.3" ? failures23() : failures24()),
    // Dovecot ends the connection without an error.
    [["copy", { ...fromNobody, query: ["all"] }], lost],
    // It would, for what no version takes.
    [["acl set", { user, mailbox: "Sent", id: "user=bob", right: ["nosuch"] }], unsendable],
    [["search", { user, query: ["nosuch"] }], unsendable],
    [["mailbox status", { user, field: ["nosuch" as "guid"], mailboxMask: ["*"] }], unsendable],
  ];
}

const lost = "ConnectionLostError";
const unsendable = "LocalProtocolError";

function failures23(): (readonly [DoveadmCall, string])[] {
  const user = "alice";
  return [
    [["kick", { mask: [] }], unsendable],
    [["kick", { mask: ["nosuch"] }], "NOTFOUND"],
    [["expunge", { user, query: ["mailbox", "Nosuch", "all"] }], "NOTFOUND"],
    [["fts tokenize", { user, text: ["no index"] }], "UNKNOWN"],
    // What came with 2.4.
    [["dict get", { filterName: "dict_server", key: "shared/n" }], unsendable],
    [["save", { user, guid: "x", file: text("new") }], unsendable],
    [["mailbox list", { user, noUserdbLookup: true }], unsendable],
    [["fetch", { user, field: ["mime.parts"], query: ["all"] }], unsendable],
    [["mailbox status", { user, field: ["deleted"], mailboxMask: ["*"] }], unsendable],
  ];
}

function failures24(): (readonly [DoveadmCall, string])[] {
  const user = "alice";
  return [
    [["kick", { mask: [] }], unsendable],
    [["fts tokenize", { user, language: "xx", text: ["x"] }], "USAGE"],
    [["save", { user, receivedDate: "yesterday", file: text("dated") }], unsendable],
    // What went after 2.3.
    [["dict get", { dictUri: "file:/nosuch", key: "shared/n" }], unsendable],
    [["kick", { mask: ["nosuch"], force: true }], unsendable],
  ];
}
