/**
 * A user of the mail system in memory.
 *
 * @module
 */

import { encodeUtf8 } from "../core/bytes.ts";
import { LocalProtocolError } from "../core/errors.ts";
import { checkCount, shownValue } from "../core/option_checks.ts";
import { CommandFailure } from "../doveadm/server/command_failure.ts";
import type { QuotaOptions, UserState } from "./mail_system.ts";
import { type Mail, Mailbox, type MailboxState, type NewMail } from "./mailbox.ts";
import {
  type Listing,
  listNames,
  type ListOptions,
  listSubscriptions,
} from "./mailboxes/listing.ts";
import {
  canonicalName,
  isInbox,
  isMask,
  isTooLongForFolder,
  nameFault,
  type Namespace,
  namespaceOf,
  newNameFault,
} from "./mailboxes/names.ts";
import { checkRecord, checkText } from "./state_checks.ts";
import { MailboxTree, type TreeName } from "./mailboxes/tree.ts";

/** The size and number of all messages of a user. */
export interface QuotaUse {
  /** Their size in bytes, with the line ends that they were saved with. */
  readonly bytes: number;
  /** The number of messages. */
  readonly messages: number;
}

/** A user's part of a namespace. */
interface Place extends Namespace {
  readonly mailboxes: MailboxTree;
  /** The subscribed names, without the prefix, in the order of subscription. */
  readonly subscriptions: Set<string>;
}

/** A user of a {@linkcode MailSystem}. */
export class MailUser {
  /** The name. */
  readonly name: string;
  /** More fields of the user database: home, uid, gid, mail … */
  readonly fields: Readonly<Record<string, string>>;
  #quota: QuotaOptions = {};
  /** Sorted by the lengths of their prefixes. */
  readonly #places: readonly Place[];
  readonly #mailboxes = new Map<string, Mailbox>();
  #lastUidValidity = 0;

  /** Creates one; throws a `LocalProtocolError` for invalid mailbox names, and for values that no user has. */
  constructor(name: string, state: UserState, namespaces: readonly Namespace[]) {
    this.name = name;
    const shown = JSON.stringify(name);
    checkRecord(`The state of the user ${shown}`, state);
    checkRecord(`"mailboxes" of the user ${shown}`, state.mailboxes);
    checkRecord(`"fields" of the user ${shown}`, state.fields);
    for (const [field, value] of Object.entries(state.fields ?? {})) {
      if (typeof value !== "string") throw wrongField(shown, field, value);
    }
    this.fields = state.fields ?? {};
    if (state.quota !== undefined) this.quota = state.quota;
    this.#places = [...namespaces].sort((a, b) => a.prefix.length - b.prefix.length).map((
      namespace,
    ) => ({
      ...namespace,
      mailboxes: new MailboxTree(namespace.separator, "newest first"),
      subscriptions: new Set<string>(),
    }));
    const mailboxes = Object.entries(state.mailboxes ?? {});
    if (!mailboxes.some(([name]) => isInbox(name))) mailboxes.unshift(["INBOX", []]);
    for (const [mailbox, content] of mailboxes) this.#declare(mailbox, content);
  }

  /** The quota's name and limits; assign another to change them, which throws a `LocalProtocolError` for invalid ones. */
  get quota(): QuotaOptions {
    return this.#quota;
  }

  set quota(quota: QuotaOptions) {
    checkRecord(`"quota" of the user ${JSON.stringify(this.name)}`, quota);
    const { name, bytes = 0, messages = 0 } = quota;
    checkText("The name of a quota", name);
    checkCount("bytes", bytes, 0);
    checkCount("messages", messages, 0);
    this.#quota = quota;
  }

  /** The mailboxes by name. */
  get mailboxes(): ReadonlyMap<string, Mailbox> {
    return this.#mailboxes;
  }

  /** The size and number of all messages. */
  get use(): QuotaUse {
    let bytes = 0;
    let messages = 0;
    for (const mailbox of this.#mailboxes.values()) {
      bytes += mailbox.size;
      messages += mailbox.count;
    }
    return { bytes, messages };
  }

  /** The character between the levels of a mailbox's name. */
  separatorOf(name: string): string {
    return (this.#placeOf(name) ?? this.#places[0]).separator;
  }

  /** The mailbox of a name; "inbox" is INBOX. */
  find(name: string): Mailbox | undefined {
    return this.#mailboxes.get(this.#key(name));
  }

  /**
   * The mailbox of a name. Throws a `CommandFailure` with Dovecot's reason as its `log`: "NOTFOUND" if
   * it is missing, "USAGE" if the name is invalid.
   */
  open(name: string): Mailbox {
    this.#check(nameFault, name);
    const mailbox = this.find(name);
    if (mailbox === undefined) throw this.#missing(name);
    return mailbox;
  }

  /**
   * The mailboxes that a mask matches, in the order in which Dovecot lists them; for a mask without
   * wildcards the one of that name, if there is one.
   */
  *matching(mask: string): IterableIterator<readonly [name: string, mailbox: Mailbox]> {
    if (!isMask(mask)) {
      const mailbox = this.find(mask);
      if (mailbox !== undefined) yield [canonicalName(mask, this.separatorOf(mask)), mailbox];
      return;
    }
    for (const { name, exists } of this.names({ mask })) {
      if (exists) yield [name, this.find(name)!];
    }
  }

  /** The names of mailboxes in the order in which Dovecot lists them. */
  names(options?: ListOptions): IterableIterator<TreeName> {
    const listings = this.#places.map((place): Listing => ({
      ...place,
      names: place.mailboxes.names(),
      hasRoot: place.prefix !== "" && this.find(place.prefix.slice(0, -1)) !== undefined,
    }));
    return listNames(listings, options);
  }

  /** The subscribed names, in the order in which Dovecot lists them. */
  subscriptions(mask?: string): IterableIterator<string> {
    const listings = this.#places.map((place): Listing => {
      const tree = new MailboxTree(place.separator, "oldest first");
      for (const name of place.subscriptions) tree.add(name);
      return { ...place, names: tree.names(), hasRoot: tree.has("") };
    });
    return listSubscriptions(listings, mask);
  }

  /**
   * Creates a mailbox. Throws a `CommandFailure`: "DATAERR" if it exists, "USAGE" if the name is invalid,
   * "NOTFOUND" if it is too long for a folder's name.
   */
  create(name: string, state: MailboxState = {}): Mailbox {
    this.#check(newNameFault, name);
    if (this.find(name) !== undefined) {
      throw new CommandFailure("DATAERR", { log: "Mailbox already exists" });
    }
    const place = this.#placeOf(name);
    if (place === undefined) {
      throw new CommandFailure("DATAERR", { log: "Mailbox can't be created" });
    }
    if (isTooLongForFolder(this.#key(name), place)) {
      throw new CommandFailure("NOTFOUND", { log: "Not found" });
    }
    return this.#create(name, state);
  }

  /**
   * Removes a mailbox and the mails in it. Throws a `CommandFailure`: "NOTFOUND" if it is missing,
   * "DATAERR" if it has mails and must be empty, "USAGE" if the name is invalid, "TEMPFAIL" if it is too
   * long for a folder's name, and "DATAERR" for INBOX, whose mails are removed nevertheless.
   */
  delete(name: string, options: { readonly mustBeEmpty?: boolean } = {}): void {
    const place = this.#placeOf(name);
    if (place !== undefined && this.#isRoot(name, place)) {
      throw new CommandFailure("USAGE", { log: "Storage root can't be deleted" });
    }
    this.#check(nameFault, name);
    if (place === undefined) {
      throw new CommandFailure("DATAERR", { log: "Mailbox can't be deleted" });
    }
    checkLength(this.#key(name), place);
    const mailbox = this.open(name);
    if (options.mustBeEmpty === true && mailbox.count > 0) {
      throw new CommandFailure("DATAERR", { log: "Mailbox isn't empty" });
    }
    if (this.#key(name) === "INBOX") {
      mailbox.expunge(new Set(mailbox.mails));
      throw new CommandFailure("DATAERR", { log: "INBOX can't be deleted." });
    }
    this.#remove(this.#key(name));
  }

  /**
   * Renames a mailbox, and those below it. Throws a `CommandFailure`: "NOTFOUND" if there is neither,
   * "DATAERR" for INBOX and if the new name is taken, "USAGE" if one of the names is invalid, "TEMPFAIL"
   * if one is too long for a folder's name.
   */
  rename(from: string, to: string): void {
    this.#check(nameFault, from);
    const oldPlace = this.#placeOf(from);
    const newPlace = this.#placeOf(to);
    if (oldPlace !== undefined && this.#isRoot(from, oldPlace)) {
      throw new CommandFailure("USAGE", { log: "Can't rename mailbox root" });
    }
    this.#check(newNameFault, to);
    if (oldPlace === undefined || newPlace === undefined) {
      throw new CommandFailure("DATAERR", {
        log: "Can't rename mailboxes across specified storages.",
      });
    }
    const oldName = this.#key(from);
    const newName = this.#key(to);
    if (oldName === newName) {
      throw new CommandFailure("DATAERR", { log: "Can't rename mailbox to itself." });
    }
    if (oldName === "INBOX") {
      throw new CommandFailure("DATAERR", { log: "Renaming INBOX isn't supported." });
    }
    // If only mailboxes below a name exist, they can move below an existing mailbox.
    if (this.find(from) !== undefined && this.find(to) !== undefined) {
      throw new CommandFailure("DATAERR", { log: "Target mailbox already exists" });
    }
    checkLength(oldName, oldPlace);
    const below = `${oldName}${oldPlace.separator}`;
    const found = [...oldPlace.mailboxes.names()]
      .map(({ name }) => `${oldPlace.prefix}${name}`)
      .filter((name) => name === oldName || name.startsWith(below))
      .flatMap((name) => {
        const mailbox = this.#mailboxes.get(name);
        return mailbox === undefined ? [] : [{ name, mailbox }];
      });
    if (found.length === 0) throw this.#missing(from);
    checkLength(newName, newPlace);
    const movedBelow = (name: string) => `${newName}${name.slice(oldName.length)}`;
    // If the new name is below the old one, Dovecot takes it for a mailbox that existed before, and moves
    // it once more.
    const isTwice = newName.startsWith(below);
    const newNameOf = (name: string) => {
      return name === oldName && isTwice ? movedBelow(newName) : movedBelow(name);
    };
    // A mailbox whose new name is taken is not renamed.
    const moved = found.filter(({ name }) => !this.#mailboxes.has(newNameOf(name)));
    for (const { name, mailbox } of moved) this.#put(newNameOf(name), mailbox);
    for (const { name } of moved) this.#remove(name);
  }

  /** Subscribes to a name, which doesn't have to be a mailbox's; throws a `CommandFailure` for an invalid name. */
  subscribe(name: string): void {
    this.#check(nameFault, name);
    const place = this.#placeOf(name);
    if (place === undefined) {
      throw new CommandFailure("DATAERR", { log: "Mailbox can't be subscribed" });
    }
    place.subscriptions.add(this.#within(this.#key(name), place));
  }

  /** Ends a subscription, if there is one; throws a `CommandFailure` for an invalid name. */
  unsubscribe(name: string): void {
    this.#check(nameFault, name);
    const place = this.#placeOf(name);
    place?.subscriptions.delete(this.#within(this.#key(name), place));
  }

  /**
   * Adds a mail to a mailbox. Throws a `CommandFailure` as `open()` does, and "UNKNOWN" if it would
   * exceed the quota.
   */
  add(mailbox: string, mail: NewMail): Mail {
    const target = this.open(mailbox);
    this.checkRoom({ bytes: mail.bytes.length, messages: 1 });
    return target.add(mail);
  }

  /** Throws a `CommandFailure`, "UNKNOWN", if so much more would exceed the quota. */
  checkRoom(more: QuotaUse): void {
    const { bytes, messages } = this.use;
    const maxBytes = this.quota.bytes || Infinity;
    const maxMessages = this.quota.messages || Infinity;
    if (bytes + more.bytes > maxBytes || messages + more.messages > maxMessages) {
      // The protocol of 2.3 has no name for Dovecot's exit code, EX_CANTCREAT.
      throw new CommandFailure("UNKNOWN", { log: "Quota exceeded (mailbox for user is full)" });
    }
  }

  #placeOf(name: string): Place | undefined {
    return namespaceOf(name, this.#places);
  }

  /** A mailbox's name in its canonical form. */
  #key(name: string): string {
    const place = this.#placeOf(name);
    if (place === undefined) return name;
    const canonical = canonicalName(name, place.separator);
    // The root of a Maildir that has INBOX is INBOX.
    const isRoot = place.inbox && place.prefix !== "" &&
      (this.#isRoot(canonical, place) || canonical === `${place.prefix}INBOX`);
    return isRoot ? "INBOX" : canonical;
  }

  /** Whether a name is a namespace's prefix. */
  #isRoot(name: string, { prefix, inbox }: Place): boolean {
    return prefix !== "" && name === prefix.slice(0, -1) && !(inbox && isInbox(name));
  }

  /** A name without its namespace's prefix. */
  #within(name: string, { prefix, inbox }: Place): string {
    return inbox && name === "INBOX" ? name : name.slice(prefix.length);
  }

  #check(fault: typeof nameFault, name: string): void {
    const namespace = this.#placeOf(name) ??
      { prefix: "", separator: this.separatorOf(name), inbox: false };
    const log = fault(canonicalName(name, namespace.separator), namespace);
    if (log !== undefined) throw new CommandFailure("USAGE", { log });
  }

  #missing(name: string): CommandFailure {
    const canonical = canonicalName(name, this.separatorOf(name));
    return new CommandFailure("NOTFOUND", { log: `Mailbox doesn't exist: ${canonical}` });
  }

  #create(name: string, state: MailboxState): Mailbox {
    // As in Dovecot, each mailbox of a user has another UIDVALIDITY, even within one second.
    const uidValidity = state.uidValidity ??
      Math.max(Math.floor(Date.now() / 1000), this.#lastUidValidity + 1);
    this.#lastUidValidity = Math.max(uidValidity, this.#lastUidValidity);
    const mailbox = new Mailbox({ ...state, uidValidity });
    this.#put(this.#key(name), mailbox);
    if (state.subscribed === true) this.subscribe(name);
    return mailbox;
  }

  #put(key: string, mailbox: Mailbox): void {
    const place = this.#placeOf(key)!;
    this.#mailboxes.set(key, mailbox);
    if (!this.#isRoot(key, place)) place.mailboxes.add(this.#within(key, place));
  }

  #remove(key: string): void {
    const place = this.#placeOf(key)!;
    this.#mailboxes.delete(key);
    place.mailboxes.delete(this.#within(key, place));
  }

  /** Creates a mailbox that the user has from the start. */
  #declare(
    name: string,
    content: MailboxState | readonly (string | Uint8Array | NewMail)[],
  ): void {
    const state = isList(content) ? { mails: Array.from(content, newMail) } : content;
    checkRecord(`The mailbox ${JSON.stringify(name)} of ${JSON.stringify(this.name)}`, state);
    try {
      this.create(name, state);
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      throw new LocalProtocolError(
        `The mailbox name ${JSON.stringify(name)} of ${
          JSON.stringify(this.name)
        } is invalid: ${error.log}.`,
        { cause: error },
      );
    }
  }
}

/** Throws a `CommandFailure` "TEMPFAIL" for a name that is too long for a folder's. */
function checkLength(name: string, namespace: Namespace): void {
  if (!isTooLongForFolder(name, namespace)) return;
  throw new CommandFailure("TEMPFAIL", { log: "File name too long" });
}

function isList<T>(content: MailboxState | readonly T[]): content is readonly T[] {
  return Array.isArray(content);
}

function wrongField(user: string, field: string, value: unknown): LocalProtocolError {
  return new LocalProtocolError(
    `The field ${JSON.stringify(field)} of the user ${user} is ${shownValue(value)}. Use a string.`,
  );
}

function newMail(mail: string | Uint8Array | NewMail): NewMail {
  if (typeof mail === "string") return { bytes: encodeUtf8(mail) };
  return mail instanceof Uint8Array ? { bytes: mail } : mail;
}
