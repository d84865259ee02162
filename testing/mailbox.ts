/**
 * A mailbox in memory, and the mails in it.
 *
 * @module
 */

import { LocalProtocolError } from "../core/errors.ts";
import { checkOptions, shownValue } from "../core/option_checks.ts";
import { flagSet } from "./mailboxes/flags.ts";
import { checkDate, checkText, checkWhole } from "./state_checks.ts";

/** A mail in a mailbox. */
export interface Mail {
  /** Its UID in the mailbox, which no other mail there ever gets. */
  readonly uid: number;
  /** 32 hexadecimal digits, or the GUID of the store that it was copied from. */
  readonly guid: string;
  /** The message as it was saved, with its own line ends. */
  readonly bytes: Uint8Array;
  /** Flags ("\\Seen") and keywords ("$Label1"), as Dovecot spells them. */
  flags: ReadonlySet<string>;
  /** When it was received (IMAP's INTERNALDATE), to the second. */
  readonly received: Date;
  /** When it was put into this mailbox, to the second. */
  readonly saved: Date;
  /** The modification sequence of its last change (RFC 7162). */
  modseq: number;
}

/** A new mail; what is left out gets a default or a generated value. */
export interface NewMail {
  /** The message. */
  readonly bytes: Uint8Array;
  /** Its UID; the mailbox's next one if left out. */
  readonly uid?: number;
  /** 32 hexadecimal digits. */
  readonly guid?: string;
  /** Flags, in any case, and keywords; none if left out. */
  readonly flags?: Iterable<string>;
  /** When it was received; now if left out. */
  readonly received?: Date;
  /** When it was put into the mailbox; now if left out. */
  readonly saved?: Date;
  /** The modification sequence; the mailbox's next one if left out. */
  readonly modseq?: number;
}

/** A new mailbox; what is left out gets a default or a generated value. */
export interface MailboxState {
  /** 32 hexadecimal digits. */
  readonly guid?: string;
  /** IMAP's UIDVALIDITY; the time in seconds if left out. */
  readonly uidValidity?: number;
  /** The UID that the next mail gets; the one after the last if left out. */
  readonly uidNext?: number;
  /** The UID of the first mail that no IMAP client has seen yet; 1 if left out: all are recent. */
  readonly firstRecentUid?: number;
  /** The highest modification sequence; if left out, that of the mails, or 1. */
  readonly highestModseq?: number;
  /** Whether its user is subscribed to it; `false` if left out. */
  readonly subscribed?: boolean;
  /** The mails, by rising UID. */
  readonly mails?: readonly NewMail[];
}

/** The highest UID of IMAP. */
const largestUid = 2 ** 32 - 1;

/** Generates a GUID: 32 hexadecimal digits. */
export function newGuid(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** How many bytes a message has with CRLF for each of its line ends (RFC 3501's RFC822.SIZE). */
export function virtualSize(bytes: Uint8Array): number {
  let size = bytes.length;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) size++;
  }
  return size;
}

/**
 * A mailbox: mails in the order of their UIDs, and the counters that IMAP needs.
 *
 * The modification sequence (RFC 7162) grows with each change as Dovecot's does: by one for mails that
 * are added together, removed together, or whose flags change together, and by one more for each keyword
 * among the changes.
 */
export class Mailbox {
  /** 32 hexadecimal digits; it stays when the mailbox is renamed. */
  readonly guid: string;
  /** IMAP's UIDVALIDITY, in seconds since 1970 at first. */
  readonly uidValidity: number;
  /** The UID of the first mail that no IMAP client has seen yet. */
  readonly firstRecentUid: number;
  #uidNext = 1;
  #highestModseq = 1;
  // The kinds of changes: "" for all but keywords, then the keywords in the order of their first use.
  #kinds = new Set([""]);
  #mails: Mail[] = [];
  // A caller has the list and must not see changes: the next change begins with a copy.
  #isShared = false;
  #size = 0;

  /** Creates one; throws a `LocalProtocolError` for mails whose UIDs don't rise, and for values that none has. */
  constructor(state: MailboxState = {}) {
    checkState(state);
    this.guid = state.guid ?? newGuid();
    this.uidValidity = state.uidValidity ?? now();
    this.firstRecentUid = state.firstRecentUid ?? 1;
    this.addAll(state.mails ?? []);
    this.#uidNext = Math.max(this.#uidNext, state.uidNext ?? 1);
    this.#highestModseq = state.highestModseq ?? this.#highestModseq;
  }

  /**
   * The mails as they are now, by rising UID; the index plus one is the sequence number. Later changes
   * don't affect this list.
   */
  get mails(): readonly Mail[] {
    this.#isShared = true;
    return this.#mails;
  }

  /** How many mails there are. */
  get count(): number {
    return this.#mails.length;
  }

  /** The size of all messages in bytes, with the line ends that they were saved with. */
  get size(): number {
    return this.#size;
  }

  /** The UID that the next mail gets. */
  get uidNext(): number {
    return this.#uidNext;
  }

  /** The highest modification sequence of the mailbox. */
  get highestModseq(): number {
    return this.#highestModseq;
  }

  /**
   * Adds a mail at the end; throws a `LocalProtocolError` for a UID that is too low, for what is no mail, and for
   * flags, dates and other values that none has.
   */
  add(mail: NewMail): Mail {
    return this.addAll([mail])[0];
  }

  /** Adds mails at the end, as one change; throws as {@linkcode add} does, and then adds none. */
  addAll(mails: readonly NewMail[]): readonly Mail[] {
    if (mails.length === 0) return [];
    this.#check(mails);
    const seconds = new Date(now() * 1000);
    const flagSets = mails.map(({ flags }) => flagSet(flags));
    const modseqs = this.#modseqsOf(flagSets.map((flags) => ["", ...flags].filter(isKeyword)));
    const added = mails.map((mail, at) => {
      const uid = mail.uid ?? this.#uidNext;
      this.#uidNext = uid + 1;
      return {
        uid,
        guid: mail.guid ?? newGuid(),
        bytes: mail.bytes,
        flags: flagSets[at],
        received: mail.received ?? seconds,
        saved: mail.saved ?? seconds,
        modseq: mail.modseq ?? modseqs[at],
      };
    });
    for (const { modseq } of added) {
      this.#highestModseq = Math.max(this.#highestModseq, modseq);
    }
    if (this.#isShared) this.#mails = [...this.#mails];
    this.#isShared = false;
    for (const mail of added) {
      this.#mails.push(mail);
      this.#size += mail.bytes.length;
    }
    return added;
  }

  /** Removes mails, as one change. */
  expunge(gone: ReadonlySet<Mail>): void {
    if (gone.size === 0) return;
    this.#highestModseq++;
    this.#mails = this.#mails.filter((mail) => !gone.has(mail));
    this.#isShared = false;
    this.#size = this.#mails.reduce((size, mail) => size + mail.bytes.length, 0);
  }

  #check(mails: readonly NewMail[]): void {
    let least = this.#uidNext;
    for (const mail of mails) {
      const bytes: unknown = mail?.bytes;
      if (!(bytes instanceof Uint8Array)) {
        throw new LocalProtocolError(
          "A mail has no bytes. Give { bytes, uid, flags … } with the message as a Uint8Array. A message alone, which " +
            "may be a string, is for a mailbox that is given as an array of mails.",
        );
      }
      const { uid = least } = mail;
      if (!(Number.isSafeInteger(uid) && uid >= least && uid <= largestUid)) {
        throw new LocalProtocolError(
          `Cannot add a mail with the UID ${shownValue(uid)}. Give a UID above ${
            least - 1
          }, or none.`,
        );
      }
      checkText('The "guid" of a mail', mail.guid);
      checkDate('The "received" of a mail', mail.received);
      checkDate('The "saved" of a mail', mail.saved);
      checkWhole('The "modseq" of a mail', mail.modseq, [1, Number.MAX_SAFE_INTEGER]);
      least = uid + 1;
    }
  }

  /** Changes a mail's flags; a change that changes nothing has no modification sequence. */
  setFlags(mail: Mail, flags: ReadonlySet<string>): void {
    this.setAllFlags(new Map([[mail, flags]]));
  }

  /**
   * Changes the flags of several mails, as one change. The keywords that were named count as changed
   * in all mails whose keywords change.
   */
  setAllFlags(
    changes: ReadonlyMap<Mail, ReadonlySet<string>>,
    named: Iterable<string> = [],
  ): void {
    const keywords = [...named].filter(isKeyword);
    const mails = [...changes.keys()];
    const changed = mails.map((mail) => {
      const flags = difference(mail.flags, changes.get(mail)!);
      const kinds = new Set(flags.map((flag) => isKeyword(flag) ? flag : ""));
      if (flags.some(isKeyword)) { for (const keyword of keywords) kinds.add(keyword); }
      return kinds;
    });
    const modseqs = this.#modseqsOf(changed);
    for (const [at, mail] of mails.entries()) {
      mail.flags = new Set(changes.get(mail));
      mail.modseq = changed[at].size === 0 ? mail.modseq : modseqs[at];
      this.#highestModseq = Math.max(this.#highestModseq, mail.modseq);
    }
  }

  /**
   * The modification sequences of mails that change together, from the kinds of changes of each mail: ""
   * has one sequence for all mails, then each keyword has one, in the mailbox's order.
   */
  #modseqsOf(changed: readonly Iterable<string>[]): readonly number[] {
    for (const kinds of changed) for (const kind of kinds) this.#kinds.add(kind);
    const all = new Set(changed.flatMap((kinds) => [...kinds]));
    const inOrder = [...this.#kinds].filter((kind) => all.has(kind));
    return changed.map((kinds) => {
      const places = [...kinds].map((kind) => inOrder.indexOf(kind));
      return this.#highestModseq + 1 + Math.max(-1, ...places);
    });
  }
}

const LF = 0x0a;
const CR = 0x0d;

/** Throws a `LocalProtocolError` for what a mailbox can't have. */
function checkState(state: MailboxState): void {
  checkOptions(state, { arrays: ["mails"], booleans: ["subscribed"] });
  checkText('The "guid" of a mailbox', state.guid);
  checkWhole('The "uidValidity" of a mailbox', state.uidValidity, [1, largestUid]);
  checkWhole('The "uidNext" of a mailbox', state.uidNext, [1, largestUid + 1]);
  checkWhole('The "firstRecentUid" of a mailbox', state.firstRecentUid, [0, largestUid + 1]);
  checkWhole('The "highestModseq" of a mailbox', state.highestModseq, [0, Number.MAX_SAFE_INTEGER]);
}

/** Whether it is a keyword, and not one of IMAP's flags. */
function isKeyword(flag: string): boolean {
  return !flag.startsWith("\\");
}

/** The symmetric difference of two sets. */
function difference(a: ReadonlySet<string>, b: ReadonlySet<string>): readonly string[] {
  return [...a, ...b].filter((flag) => a.has(flag) !== b.has(flag));
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
