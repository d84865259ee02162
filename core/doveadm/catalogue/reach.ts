/**
 * What a command can access beyond the mail of its user, by its arguments or by itself.
 *
 * @module
 */

import type { CommandInfo } from "./command_info.ts";
import type { DoveadmCommandName } from "./signatures.ts";

/**
 * What an argument names.
 *
 * - "nothing": nothing beyond the user's own mail, or the state that the command is about. Examples are
 *   mailboxes, search queries, and the users that a mailbox is shared with.
 * - "user": users, by their names or masks.
 * - "file": a file or folder of the server, a mail storage by its location, a dictionary, a file system.
 * - "server": another server, or another socket of this one.
 * - "program": commands or programs to run, or a conversation in another protocol than doveadm's.
 * - "settings": settings that override the server's, or texts in which it expands variables.
 */
export type Reach = "nothing" | "user" | "file" | "server" | "program" | "settings";

/** The parameters that every command on mail has. */
const mail: Readonly<Record<string, Reach>> = {
  allUsers: "user",
  socketPath: "server",
  user: "user",
  // Flags that disable notifications of plugins, among others.
  transFlags: "settings",
  noUserdbLookup: "settings",
  userFile: "file",
};

/** Parameters that all name the same kind of thing. */
function named(reach: Reach, names: string): Readonly<Record<string, Reach>> {
  return Object.fromEntries(names.split(" ").map((name) => [name, reach]));
}

const socket = named("server", "socketPath");
const query = named("nothing", "query");
const mailbox = named("nothing", "mailbox");
const mailboxMask = named("nothing", "mailboxMask");
const flags = named("nothing", "flag query");
const copying: Readonly<Record<string, Reach>> = {
  ...named("nothing", "destinationMailbox sourceType query"),
  sourceUser: "user",
};
const storage = named("file", "filterName");
const dictionary = named("file", "filterName dictUri");
const fileSystem = named("file", "filterName fsDriver fsArgs");
const path = named("file", "path");
const paths = named("file", "sourcePath destinationPath");
const syncing: Readonly<Record<string, Reach>> = {
  ...named("server", "destination defaultDestination"),
  ...named("file", "rawlog"),
  ...named("settings", "destinationOption legacyDsync"),
  ...named("nothing", "fullSync purgeRemote reverseSync replicatorNotify lockTimeout mailbox"),
  ...named("nothing", "mailboxGuid namespace allNamespaces excludeMailbox allMailbox state"),
  ...named("nothing", "syncSinceTime syncUntilTime syncFlags syncMaxSize timeout"),
};

/** What the parameters of each command name; those that every command on mail has are left out. */
export const parameterReaches: Readonly<
  Record<DoveadmCommandName, Readonly<Record<string, Reach>>>
> = {
  "mailbox mutf7": named("nothing", "toUtf8 fromUtf8 name"),
  "service stop": named("nothing", "service"),
  "service status": named("nothing", "service"),
  "sis deduplicate": named("file", "rootDir queueDir"),
  "sis find": { ...named("file", "rootDir"), ...named("nothing", "hash") },
  "process status": named("nothing", "service"),
  "stop": {},
  "reload": {},
  "stats dump": { ...socket, ...named("nothing", "reset fields") },
  "stats add": named(
    "nothing",
    "name filter exporter exporterInclude description fields groupBy",
  ),
  "stats remove": named("nothing", "name"),
  "stats reopen": {},
  "oldstats dump": { ...socket, ...named("nothing", "type filter") },
  "oldstats reset": socket,
  "penalty": { ...socket, ...named("nothing", "netmask") },
  "kick": {
    ...socket,
    ...named("nothing", "passdbField destHost force"),
    ...named("user", "mask"),
  },
  "who": {
    ...{ ...socket, ...named("nothing", "separateConnections passdbField") },
    ...named("user", "mask"),
  },
  "director status": { ...socket, ...named("user", "user"), ...named("nothing", "tag") },
  "director map": {
    ...{ ...socket, ...named("file", "usersFile"), ...named("nothing", "hashMap userMap host") },
  },
  "director add": { ...socket, ...named("nothing", "tag vhostCount"), ...named("server", "host") },
  "director update": { ...socket, ...named("nothing", "vhostCount"), ...named("server", "host") },
  "director up": { ...socket, ...named("server", "host") },
  "director down": { ...socket, ...named("server", "host") },
  "director remove": { ...socket, ...named("server", "host") },
  "director move": { ...socket, ...named("user", "user"), ...named("server", "host") },
  "director kick": { ...socket, ...named("nothing", "passdbField"), ...named("user", "user") },
  "director flush": {
    ...{ ...socket, ...named("nothing", "forceFlush maxParallel"), ...named("server", "host") },
  },
  "director dump": socket,
  "director ring add": { ...socket, ...named("server", "ip port") },
  "director ring remove": { ...socket, ...named("server", "ip port") },
  "director ring status": socket,
  "instance list": named("nothing", "showConfig name"),
  "instance remove": named("nothing", "name"),
  "proxy list": {
    ...{ ...socket, ...named("nothing", "separateConnections passdbField") },
    ...named("user", "mask"),
  },
  "indexer add": { ...named("nothing", "head maxRecent mailbox"), ...named("user", "user") },
  "indexer remove": { ...named("user", "userMask"), ...mailboxMask },
  "indexer list": named("user", "userMask"),
  "proxy kick": {
    ...{ ...socket, ...named("nothing", "passdbField destHost host") },
    ...named("user", "mask user"),
  },
  "log test": {},
  "log reopen": {},
  "log find": named("file", "logDir"),
  "log errors": named("nothing", "since"),
  "replicator status": { ...socket, ...named("user", "userMask") },
  "replicator dsync-status": socket,
  "replicator replicate": {
    ...{ ...socket, ...named("nothing", "fullSync priority"), ...named("user", "userMask") },
  },
  "replicator add": { ...socket, ...named("user", "userMask") },
  "replicator remove": { ...socket, ...named("user", "user") },
  "dict get": { ...dictionary, ...named("user", "user"), ...named("nothing", "key") },
  "dict set": {
    ...{ ...dictionary, ...named("user", "user") },
    ...named("nothing", "timestamp expireSecs key value"),
  },
  "dict unset": { ...dictionary, ...named("user", "user"), ...named("nothing", "timestamp key") },
  "dict inc": {
    ...{ ...dictionary, ...named("user", "user") },
    ...named("nothing", "timestamp key difference"),
  },
  "dict iter": {
    ...{ ...dictionary, ...named("user", "user") },
    ...named("nothing", "exact recurse noValue prefix"),
  },
  "fs get": { ...fileSystem, ...path },
  "fs put": {
    ...fileSystem,
    ...path,
    ...named("file", "inputPath"),
    ...named("nothing", "hash metadata"),
  },
  "fs copy": { ...fileSystem, ...paths },
  "fs stat": { ...fileSystem, ...path },
  "fs metadata": { ...fileSystem, ...path },
  "fs delete": { ...fileSystem, ...path, ...named("nothing", "recursive maxParallel") },
  "fs iter": { ...fileSystem, ...path, ...named("nothing", "noCache objectIds") },
  "fs iter-dirs": { ...fileSystem, ...path },
  "auth cache flush": { ...socket, ...named("user", "user") },
  "user": {
    ...{ ...socket, ...named("settings", "authInfo expandField userdbOnly") },
    ...{ ...named("nothing", "field"), ...named("user", "userMask") },
  },
  "batch": { ...named("nothing", "separator"), ...named("program", "args") },
  "backup": syncing,
  "sync": { ...syncing, ...named("nothing", "onewaySync") },
  "dsync-server": {
    ...{ ...named("file", "rawlog"), ...named("settings", "legacyDsync") },
    ...named("nothing", "timeout replicatorNotify ignoreArg"),
  },
  "mailbox metadata set": named("nothing", "allowEmptyMailboxName mailbox key value"),
  "mailbox metadata unset": named("nothing", "allowEmptyMailboxName mailbox key"),
  "mailbox metadata get": named("nothing", "allowEmptyMailboxName mailbox key"),
  "mailbox metadata list": named(
    "nothing",
    "allowEmptyMailboxName prependPrefix mailbox keyPrefix",
  ),
  "mailbox status": { ...mailboxMask, ...named("nothing", "totalSum field") },
  "mailbox list": { ...mailboxMask, ...named("nothing", "mutf7 utf8 subscriptions") },
  "mailbox create": { ...mailbox, ...named("nothing", "subscriptions guid") },
  "mailbox delete": {
    ...mailbox,
    ...named("nothing", "requireEmpty subscriptions recursive unsafe"),
  },
  "mailbox rename": { ...mailbox, ...named("nothing", "subscriptions newName") },
  "mailbox subscribe": mailbox,
  "mailbox unsubscribe": mailbox,
  "mailbox update": {
    ...{ ...mailbox, ...named("nothing", "mailboxGuid uidValidity minNextUid minFirstRecentUid") },
    ...named("nothing", "minHighestModseq minHighestPvtModseq"),
  },
  "mailbox path": { ...mailbox, ...named("nothing", "type") },
  "fetch": { ...query, ...named("nothing", "field") },
  "save": { ...mailbox, ...named("nothing", "uid guid receivedDate"), ...named("file", "file") },
  "index": { ...mailboxMask, ...named("nothing", "queue maxRecent") },
  "altmove": { ...query, ...named("nothing", "reverse") },
  "deduplicate": { ...query, ...named("nothing", "byMsgid") },
  "expunge": { ...query, ...named("nothing", "deleteEmptyMailbox") },
  "flags add": flags,
  "flags remove": flags,
  "flags replace": flags,
  "import": {
    ...{ ...query, ...named("nothing", "subscribe destParentMailbox") },
    ...{ ...named("user", "sourceUser"), ...named("file", "sourceLocation") },
    ...named("settings", "sourceOption"),
  },
  "force-resync": { ...mailboxMask, ...named("nothing", "fsck") },
  "purge": {},
  "search": query,
  "copy": copying,
  "move": copying,
  "mailbox cache decision": { ...mailbox, ...named("nothing", "all fieldstr lastUsed decision") },
  "mailbox cache remove": query,
  "mailbox cache purge": mailbox,
  "rebuild attachments": query,
  "mail fs get": { ...storage, ...path },
  "mail fs put": {
    ...storage,
    ...path,
    ...named("file", "inputPath"),
    ...named("nothing", "hash"),
  },
  "mail fs copy": { ...storage, ...paths },
  "mail fs stat": { ...storage, ...path },
  "mail fs metadata": { ...storage, ...path },
  "mail fs delete": { ...storage, ...path, ...named("nothing", "recursive maxParallel") },
  "mail fs iter": { ...storage, ...path, ...named("nothing", "noCache objectIds") },
  "mail fs iter-dirs": { ...storage, ...path },
  "mail dict get": { ...storage, ...named("nothing", "key") },
  "mail dict set": { ...storage, ...named("nothing", "timestamp expireSecs key value") },
  "mail dict unset": { ...storage, ...named("nothing", "timestamp key") },
  "mail dict inc": { ...storage, ...named("nothing", "timestamp key difference") },
  "mail dict iter": { ...storage, ...named("nothing", "exact recurse noValue prefix") },
  "sieve list": {},
  "sieve get": named("nothing", "scriptname"),
  "sieve put": { ...named("nothing", "activate scriptname"), ...named("file", "file") },
  "sieve delete": named("nothing", "ignoreActive scriptname"),
  "sieve activate": named("nothing", "scriptname"),
  "sieve deactivate": {},
  "sieve rename": named("nothing", "oldname newname"),
  "acl get": { ...mailbox, ...named("nothing", "matchMe") },
  "acl rights": mailbox,
  "acl set": { ...mailbox, ...named("nothing", "id right") },
  "acl add": { ...mailbox, ...named("nothing", "id right") },
  "acl remove": { ...mailbox, ...named("nothing", "id right") },
  "acl delete": { ...mailbox, ...named("nothing", "id") },
  "acl recalc": {},
  "acl debug": mailbox,
  "quota get": {},
  "quota recalc": {},
  "fts lookup": query,
  "fts expand": query,
  "fts tokenize": named("nothing", "language text"),
  "fts optimize": named("nothing", "namespace"),
  "fts rescan": named("nothing", "namespace"),
  "fts flatcurve check": mailboxMask,
  "fts flatcurve remove": mailboxMask,
  "fts flatcurve rotate": mailboxMask,
  "fts flatcurve stats": mailboxMask,
  "mailbox cryptokey generate": {
    ...mailbox,
    ...named("nothing", "userKeyOnly reEncryptBoxKeys force"),
  },
  "mailbox cryptokey list": { ...mailbox, ...named("nothing", "userKey") },
  "mailbox cryptokey export": { ...mailbox, ...named("nothing", "userKey") },
  "mailbox cryptokey password": named(
    "nothing",
    "clearPassword askNewPassword newPassword askOldPassword oldPassword",
  ),
};

/** The commands that reach beyond the user's mail whatever their arguments are. */
const commandReaches: Readonly<Partial<Record<DoveadmCommandName, Reach>>> = {
  "batch": "program",
  "backup": "server",
  "sync": "server",
  "dsync-server": "program",
};

/** What a command reaches by itself, beyond the mail of its user; "nothing" for most. */
export function commandReach({ name }: CommandInfo): Reach {
  return Object.hasOwn(commandReaches, name)
    ? commandReaches[name as DoveadmCommandName]!
    : "nothing";
}

/** What a parameter of a command names; `undefined` for one that is not known here. */
export function parameterReach(info: CommandInfo, parameter: string): Reach | undefined {
  const own = Object.hasOwn(parameterReaches, info.name)
    ? parameterReaches[info.name as DoveadmCommandName]
    : {};
  if (Object.hasOwn(own, parameter)) return own[parameter];
  return info.mail && Object.hasOwn(mail, parameter) ? mail[parameter] : undefined;
}
