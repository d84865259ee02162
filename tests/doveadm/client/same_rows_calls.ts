/**
 * The calls that read: some of every command, and what is known of their answers that isn't the same
 * each time, each with its reason.
 *
 * @module
 */

import { basename } from "node:path";
import {
  type DovecotVersion,
  type FieldTable,
  fieldTables,
} from "../../../core/doveadm/catalogue/mod.ts";
import type { DoveadmCall } from "../../../mod.ts";

/** The ways to a server. */
export const ways = ["unix", "tcp", "http"] as const;

/** A way to a server. */
export type Way = (typeof ways)[number];

/** The server that calls are for. */
export interface Place {
  readonly version: DovecotVersion;
  readonly folder: string;
}

/** A row of any command. */
export type Row = Readonly<Record<string, unknown>>;

/** A call that reads, and what to expect of it where that isn't rows that are the same each time. */
export interface Read {
  readonly call: DoveadmCall;
  /** Columns whose values change by themselves, and why; their types are compared. */
  readonly moving?: Readonly<Record<string, string>>;
  /**
   * Why the rows come in an order that the server promises, which is compared as well. Without such
   * a promise the rows are compared as a set: their order may be a hash table's, or a folder's.
   */
  readonly ordered?: string;
  /** Why a row may come more than once. */
  readonly repeating?: string;
  /** The rows that are there each time, and why others aren't. */
  readonly lasting?: { readonly isLasting: (row: Row) => boolean; readonly why: string };
  /** Why it is called over one way after the other, and not over all at once. */
  readonly inTurn?: string;
  /** Why there are no rows. */
  readonly empty?: string;
  /** Why it fails on all ways, and with which error. */
  readonly fails?: { readonly error: string; readonly why: string };
  /** Why one way gives something else, and with which error if it is one. */
  readonly differs?: { readonly way: Way; readonly error?: string; readonly why: string };
  /** Whether it needs an index for full text search, which not every server has; it is called in turn. */
  readonly searches?: true;
}

/** The parameters that name a dictionary. */
export function dictOf(
  { version, folder }: Place,
): { readonly dictUri?: string; readonly filterName?: string } {
  return version === "2.3"
    ? { dictUri: `file:${folder}/users/dict` }
    : { filterName: "dict_server" };
}

/** The parameters that name a filesystem. */
export function fsOf(
  { version, folder }: Place,
): { readonly fsDriver?: string; readonly fsArgs?: string; readonly filterName?: string } {
  return version === "2.3"
    ? { fsDriver: "posix", fsArgs: `prefix=${folder}/users/fs/` }
    : { filterName: "mail_ext_attachment" };
}

/** One field of each family. */
const families: Readonly<Record<string, readonly string[]>> = {
  "hdr.*": ["hdr.subject", "hdr.X-None", "hdr.From.utf8", "hdr.subject.utf8"],
  "body.*": ["body.1", "body.1.mime"],
  "binary.*": ["binary.2"],
  "%*": ["%50", "%99.9"],
};

/** The names of all fields of a table that a version has from its first release on. */
function fieldsOf(table: FieldTable, version: DovecotVersion): string[] {
  return fieldTables[table].filter(({ name, since }) => since <= version && name !== "deleted")
    .flatMap(({ name }) => name.includes("*") ? families[name] : [name]);
}

const byUid = "mails of one mailbox come by their UIDs";
const asAsked = "they come in the order in which they are asked for";
const noClient = "a server prints its result where no client sees it";
const counting = "it counts what is done, and calls are";
const processes = "processes come and go with calls";
const unknowable = {
  error: "LocalProtocolError",
  why: "its answer doesn't have its columns",
};
const unsendable = (why: string) => ({ error: "LocalProtocolError", why });
const dies = (why: string) => ({ error: "ConnectionLostError", why });

/** The calls for a server, in the order in which they have to be made. */
export function reads(place: Place): readonly Read[] {
  return [
    ...serverReads(place),
    ...dictReads(place),
    ...fsReads(place),
    ...userReads(place),
    ...mailboxReads(place),
    ...mailReads(place),
    ...pluginReads(),
    ...(place.version === "2.3" ? reads23(place) : reads24()),
  ];
}

function serverReads({ version, folder }: Place): Read[] {
  const status = {
    process_count: processes,
    process_avail: processes,
    process_total: processes,
    listen_pending: "connections wait for a moment",
    listening: "a service doesn't while it is full",
    exit_failure_last: "a process of a call that crashed counts",
    exit_failures_in_sec: "a process of a call that crashed counts",
  };
  const process = {
    available_count: counting,
    total_count: counting,
    idle_start: counting,
    last_status_update: counting,
  };
  const fields = fieldsOf("statsDump", version);
  const moving = (...names: string[]) => Object.fromEntries(names.map((name) => [name, counting]));
  const usual = ["count", "sum", "min", "max", "avg", "median", "stddev", "%95"];
  return [
    // First, since other calls add to it.
    { call: ["log errors"], ordered: "they come as they were logged" },
    {
      call: ["log errors", { since: 4_000_000_000 }],
      empty: "that is in the future",
    },
    { call: ["log test"] },
    { call: ["log find"] },
    { call: ["mailbox mutf7", { name: ["&ANw-bung"], toUtf8: true }] },
    { call: ["service status"], moving: status },
    { call: ["service status", { service: ["anvil", "log"] }], moving: status },
    {
      call: ["process status"],
      moving: process,
      lasting: { isLasting: ({ name }) => /^(anvil|log|stats)$/.test(`${name}`), why: processes },
    },
    { call: ["process status", { service: ["anvil"] }], moving: process },
    { call: ["sis find", { rootDir: `${folder}/users/sis`, hash: "0123456789abcdef" }] },
    { call: ["penalty"] },
    { call: ["penalty", { netmask: "11.0.0.0/8" }], empty: "nobody is in that network" },
    { call: ["who"] },
    { call: ["who", { mask: ["a*"] }] },
    { call: ["who", { mask: ["z*"] }], empty: "nobody has such a name" },
    { call: ["who", { separateConnections: true }] },
    { call: ["instance list"] },
    { call: ["instance list", { name: basename(folder) }] },
    { call: ["instance list", { showConfig: true }], empty: noClient },
    { call: ["stats dump"], moving: moving(...usual) },
    { call: ["stats dump", { fields: "max,%50" }], moving: moving("max", "%50") },
    { call: ["stats dump", { fields: fields.join(" ") }], moving: moving(...fields) },
  ];
}

function dictReads(place: Place): Read[] {
  const dict = dictOf(place);
  const user = "alice";
  return [
    { call: ["dict get", { ...dict, user, key: "priv/color" }] },
    { call: ["dict iter", { ...dict, prefix: "shared/" }] },
    { call: ["dict iter", { ...dict, user, recurse: true, prefix: "priv/" }] },
    {
      call: ["dict iter", { ...dict, user, noValue: true, recurse: true, prefix: "priv/" }],
    },
    { call: ["dict iter", { ...dict, user, exact: true, prefix: "priv/color" }] },
    { call: ["dict iter", { ...dict, prefix: "shared/none/" }], empty: "there are no such keys" },
  ];
}

function fsReads(place: Place): Read[] {
  const fs = fsOf(place);
  return [
    { call: ["fs get", { ...fs, path: "sub/one" }] },
    { call: ["fs stat", { ...fs, path: "two" }] },
    { call: ["fs metadata", { ...fs, path: "two" }] },
    { call: ["fs iter", { ...fs, path: "" }] },
    { call: ["fs iter", { ...fs, noCache: true, path: "sub" }] },
    {
      call: ["fs iter", { ...fs, objectIds: true, path: "sub" }],
      fails: dies("the server's process crashes where a filesystem's files have no object ids"),
    },
    { call: ["fs iter-dirs", { ...fs, path: "" }] },
  ];
}

function userReads({ version }: Place): Read[] {
  const expandField = version === "2.3" ? "%h" : "%{home}";
  return [
    { call: ["user", { userMask: ["alice"] }] },
    { call: ["user", { userMask: ["alice", "bob"] }], ordered: asAsked },
    { call: ["user", { userMask: ["*"] }] },
    { call: ["user", { userMask: ["alice"], field: "home" }] },
    { call: ["user", { userMask: ["alice"], expandField }] },
    { call: ["user", { userMask: ["alice"], authInfo: ["service=imap"] }] },
    { call: ["user", { userMask: ["z*"] }], empty: "nobody has such a name" },
  ];
}

function mailboxReads({ version }: Place): Read[] {
  const user = "alice";
  const server = { user, allowEmptyMailboxName: true, mailbox: "" };
  const metadata = {
    repeating: "mail encryption registers its keys once more for each user whom a process serves",
  };
  const fields = fieldsOf("mailboxStatus", version) as ["messages"];
  return [
    { call: ["mailbox list", { user }] },
    { call: ["mailbox list", { user: "bob", mutf7: true }] },
    { call: ["mailbox list", { user, subscriptions: true }] },
    { call: ["mailbox list", { user, mailboxMask: ["P*", "S*"] }] },
    { call: ["mailbox list", { allUsers: true }] },
    { call: ["mailbox list", { user: "*o*" }] },
    { call: ["mailbox list", { userFile: "bob\ncarol\n" }] },
    {
      call: ["mailbox list", { userFile: "bob\nnobody\ncarol\n" }],
      fails: { error: "PartialFailure", why: "there is no such user" },
    },
    { call: ["mailbox status", { user, field: fields, mailboxMask: ["*"] }] },
    { call: ["mailbox status", { user, field: ["all"], mailboxMask: ["*"] }] },
    { call: ["mailbox status", { user, field: ["all"], mailboxMask: ["*"], totalSum: true }] },
    { call: ["mailbox status", { allUsers: true, field: ["all"], mailboxMask: ["INBOX"] }] },
    ...(version === "2.3" ? [] : [{
      call: ["mailbox status", { user, field: ["deleted"], mailboxMask: ["*"] }] as const,
      fails: dies("the field came with 2.4.2, and this is 2.4.1"),
    }]),
    {
      call: ["mailbox status", {
        user,
        totalSum: true,
        field: ["vsize", "unseen", "messages"],
        mailboxMask: ["*"],
      }],
    },
    {
      call: ["mailbox status", { allUsers: true, field: ["firstsaved"], mailboxMask: ["INBOX"] }],
    },
    {
      call: ["mailbox status", {
        userFile: "bob\nalice",
        totalSum: true,
        field: ["messages"],
        mailboxMask: ["*"],
      }],
      ordered: asAsked,
    },
    { call: ["mailbox path", { user, mailbox: ["Sent"] }] },
    { call: ["mailbox path", { user, mailbox: ["Sent"], type: "control" }] },
    {
      call: ["mailbox path", { user, mailbox: ["INBOX", "Sent"] }],
      fails: unsendable("it takes one mailbox, in an array as the server lists it"),
    },
    { call: ["mailbox metadata get", { user, mailbox: "INBOX", key: "/private/comment" }] },
    { call: ["mailbox metadata get", { user, mailbox: "INBOX", key: "/private/none" }] },
    { call: ["mailbox metadata get", { ...server, key: "/shared/vendor/x" }] },
    { call: ["mailbox metadata list", { user, mailbox: "INBOX" }], ...metadata },
    {
      call: ["mailbox metadata list", { user, mailbox: "INBOX", prependPrefix: true }],
      ...metadata,
    },
    { call: ["mailbox metadata list", server], ...metadata },
    { call: ["mailbox cache decision", { user, all: true, mailbox: ["INBOX"] }] },
    {
      call: ["mailbox cache decision", {
        user,
        fieldstr: "flags hdr.subject nosuch",
        mailbox: ["INBOX"],
      }],
    },
    {
      call: ["mailbox cache decision", { user, mailbox: ["INBOX"] }],
      fails: unsendable('it needs "all" or "fieldstr"'),
    },
  ];
}

function mailReads({ version }: Place): Read[] {
  const user = "alice";
  const query = ["all"];
  const field = fieldsOf("fetch", version) as ["uid"];
  const moving = version === "2.3" ? undefined : {
    "mime.parts": "it counts lines when it is made, and not when it comes from the cache",
  };
  return [
    { call: ["fetch", { user, field, query }], moving, ordered: byUid },
    { call: ["fetch", { user: "bob", field, query }], moving, ordered: byUid },
    {
      call: ["fetch", { user, field: ["hdr.Subject", "hdr.SUBJECT", "uid", "uid"], query }],
      ordered: byUid,
    },
    { call: ["fetch", { allUsers: true, field: ["user", "mailbox", "date.received"], query }] },
    {
      call: ["fetch", { userFile: "carol\nbob", field: ["flags"], query: ["mailbox", "INBOX"] }],
      ordered: asAsked,
    },
    { call: ["fetch", { user, field: ["uid"], query: ["from", "zz"] }], empty: "no such mail" },
    {
      call: ["fetch", { user: "carol", field: ["body"], query }],
      differs: { way: "http", why: "JSON has no bytes that aren't UTF-8" },
    },
    { call: ["search", { user, query }], ordered: byUid },
    { call: ["search", { user, query: ["mailbox", "INBOX", "from", "bob"] }], ordered: byUid },
    { call: ["quota get", { user }] },
    { call: ["quota get", { allUsers: true }] },
  ];
}

function pluginReads(): Read[] {
  const user = "alice";
  return [
    { call: ["sieve list", { user }] },
    { call: ["sieve get", { user, scriptname: "two" }] },
    { call: ["acl get", { user, mailbox: "Projects" }] },
    { call: ["acl get", { user, matchMe: true, mailbox: "Projects" }] },
    { call: ["acl rights", { user, mailbox: "Projects" }] },
    { call: ["acl debug", { user, mailbox: "Projects" }] },
    { call: ["fts lookup", { user, query: ["text", "lunch"] }], searches: true },
    { call: ["fts expand", { user, query: ["text", "lunch"] }], searches: true },
    {
      call: ["fts tokenize", { user, text: ["Lunch? at the cafés"] }],
      ordered: asAsked,
      searches: true,
    },
    {
      call: ["fts tokenize", { user, language: "en", text: ["the", "worlds"] }],
      ordered: asAsked,
      searches: true,
    },
    { call: ["search", { user, query: ["mailbox", "INBOX", "text", "lunch"] }], searches: true },
    { call: ["mailbox cryptokey list", { user, userKey: true }] },
    { call: ["mailbox cryptokey list", { user, mailbox: "INBOX" }] },
    { call: ["mailbox cryptokey export", { user, userKey: true }], fails: unknowable },
  ];
}

function reads23({ folder }: Place): Read[] {
  return [
    { call: ["oldstats dump", { type: "user" }], fails: unknowable },
    {
      call: ["proxy list"],
      empty: "login processes are asked for it, and without protocols there are none",
    },
    { call: ["replicator status"] },
    { call: ["replicator status", { userMask: "alice" }] },
    {
      call: ["replicator dsync-status"],
      empty: "with replication_max_conns = 0 nothing is synced",
    },
    { call: ["director status"] },
    { call: ["director status", { user: "alice" }] },
    { call: ["director map"] },
    { call: ["director map", { host: "127.0.0.3" }] },
    { call: ["director map", { usersFile: `${folder}/passwd` }] },
    { call: ["director map", { userMap: true, host: "alice" }] },
    {
      call: ["director map", { userMap: true }],
      fails: dies('"userMap" wants a user\'s name in "host"'),
    },
    {
      call: ["director map", { hashMap: true, host: "1669653170" }],
      fails: { error: "RemoteProtocolError", why: "its row is a username alone" },
    },
    { call: ["director dump"] },
    {
      call: ["director ring status"],
      moving: { "ping ms": "it is measured" },
    },
  ];
}

function reads24(): Read[] {
  const user = "alice";
  const dict = { user, filterName: "dict_server" };
  const fs = { user, filterName: "mail_ext_attachment" };
  const inTurn = "a process that has an index open may keep another from opening it";
  return [
    { call: ["who", { passdbField: "user_x", mask: ["alice"] }] },
    { call: ["proxy list"] },
    { call: ["proxy list", { separateConnections: true }] },
    { call: ["indexer list", { userMask: "b*" }] },
    { call: ["mail dict get", { ...dict, key: "priv/k" }] },
    {
      call: ["mail dict iter", { ...dict, recurse: true, noValue: true, prefix: "priv/" }],
    },
    { call: ["mail dict iter", { ...dict, exact: true, prefix: "priv/k" }] },
    { call: ["mail fs get", { ...fs, path: "two" }] },
    { call: ["mail fs stat", { ...fs, path: "two" }] },
    { call: ["mail fs metadata", { ...fs, path: "two" }] },
    { call: ["mail fs iter", { ...fs, path: "sub" }] },
    { call: ["mail fs iter-dirs", { ...fs, path: "" }] },
    { call: ["fts flatcurve check", { user, mailboxMask: ["INBOX"] }], inTurn },
    { call: ["fts flatcurve stats", { user, mailboxMask: ["*"] }], inTurn },
  ];
}
