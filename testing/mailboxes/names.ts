/**
 * Names of mailboxes, and masks for them.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/bytes.ts";
import { encodeMutf7 } from "../../core/imap/mutf7.ts";

/** A namespace with all of its properties. */
export interface Namespace {
  /** The prefix of its mailboxes' names, with the separator at its end; "" for none. */
  readonly prefix: string;
  /** The character between the levels of a name. */
  readonly separator: string;
  /** Whether INBOX is in it. */
  readonly inbox: boolean;
}

/** The most bytes of a new name, of each of its levels on disk, and of its folder's name there. */
const MAX_NAME = 4096;
const MAX_LEVEL = 255;
const MAX_FOLDER = 255;

/** The character between the levels of a name on disk, where mailboxes are Maildir++ folders. */
const MAILDIR_SEPARATOR = ".";

/** Whether a mask has wildcards, `*` or `%`. */
export function isMask(mask: string): boolean {
  return /[*%]/.test(mask);
}

/**
 * Whether a mask matches a name (RFC 3501, 6.3.8): `*` matches any text, `%` any text without a
 * separator, any other character itself. INBOX as the first level matches in any case.
 */
export function fitsMask(mask: string, name: string, separator: string): boolean {
  return positionsAfter(mask, name, separator).has(mask.length);
}

/** Whether a mask may match names that begin with a prefix. */
export function fitsBelow(mask: string, prefix: string, separator: string): boolean {
  return positionsAfter(mask, prefix, separator).size > 0;
}

/** The positions in a mask that can follow a matched text: the states of a nondeterministic automaton. */
function positionsAfter(mask: string, text: string, separator: string): ReadonlySet<number> {
  const inboxEnd = isInbox(text.split(separator, 1)[0]) ? "INBOX".length : 0;
  let places = skippingWildcards(mask, [0]);
  for (let at = 0; at < text.length && places.size > 0; at++) {
    const character = text[at];
    const next: number[] = [];
    for (const place of places) {
      const wanted = mask[place];
      if (wanted === "*" || (wanted === "%" && character !== separator)) next.push(place);
      else if (wanted === character) next.push(place + 1);
      else if (at < inboxEnd && wanted?.toUpperCase() === character) next.push(place + 1);
    }
    places = skippingWildcards(mask, next);
  }
  return places;
}

/** Positions in a mask, and those after wildcards there, since a wildcard may match nothing. */
function skippingWildcards(mask: string, places: readonly number[]): Set<number> {
  const all = new Set(places);
  // Iterating over a set visits elements that are added meanwhile.
  for (const place of all) {
    if (mask[place] === "*" || mask[place] === "%") all.add(place + 1);
  }
  return all;
}

/** Whether a name is INBOX, in any case. */
export function isInbox(name: string): boolean {
  return /^INBOX$/i.test(name);
}

/** A name with INBOX as its first level in capital letters. */
export function canonicalName(name: string, separator: string): string {
  const [first] = name.split(separator, 1);
  return isInbox(first) ? `INBOX${name.slice(first.length)}` : name;
}

/**
 * The namespace that a name belongs to: for INBOX the one that has it, else the one with the longest
 * prefix that the name begins with or equals; `undefined` for none.
 */
export function namespaceOf<N extends Namespace>(
  name: string,
  namespaces: readonly N[],
): N | undefined {
  if (isInbox(name)) return namespaces.find(({ inbox }) => inbox);
  let best: N | undefined;
  for (const namespace of namespaces) {
    const { prefix, separator } = namespace;
    const canonical = canonicalName(name, separator);
    const fits = canonical.startsWith(prefix) || `${canonical}${separator}` === prefix;
    if (fits && prefix.length >= (best?.prefix.length ?? 0)) best = namespace;
  }
  return best;
}

/** The reason why a mailbox's name is invalid, in Dovecot's words; `undefined` for a valid one. */
export function nameFault(name: string, namespace: Namespace): string | undefined {
  const { prefix, separator, inbox } = namespace;
  const isRoot = prefix !== "" && name === prefix.slice(0, -1);
  if (isRoot || (inbox && isInbox(name))) return undefined;
  if (prefix !== "" && name === prefix) {
    return `Invalid mailbox name '${name}': Ends with hierarchy separator`;
  }
  const rest = name.slice(prefix.length);
  if (separator !== MAILDIR_SEPARATOR && rest.includes(MAILDIR_SEPARATOR)) {
    return `Character not allowed in mailbox name: '${MAILDIR_SEPARATOR}'`;
  }
  const reason = rest === ""
    ? "Name is empty"
    : rest.startsWith(separator)
    ? "Begins with hierarchy separator"
    : rest.includes(separator + separator)
    ? "Has adjacent hierarchy separators"
    : rest.endsWith(separator)
    ? "Ends with hierarchy separator"
    : separator !== "/" && rest.includes("/")
    ? "Name must not have '/' characters"
    : rest.startsWith("~")
    ? "Begins with '~'"
    : undefined;
  return reason && `Invalid mailbox name: ${reason}`;
}

/** The reason why a new mailbox's name is invalid, in Dovecot's words; `undefined` for a valid one. */
export function newNameFault(name: string, namespace: Namespace): string | undefined {
  const fault = nameFault(name, namespace);
  if (fault !== undefined) return fault;
  if (hasControlCharacter(name)) {
    return "Control characters not allowed in new mailbox names";
  }
  const levels = name.slice(namespace.prefix.length).split(namespace.separator);
  const isTooLong = encodeUtf8(name).length > MAX_NAME ||
    levels.some((level) => encodeMutf7(level).length > MAX_LEVEL);
  return isTooLong ? "Mailbox name too long" : undefined;
}

/** Whether a mailbox's name is too long for its folder's name, which is a dot and all of its levels. */
export function isTooLongForFolder(name: string, { prefix }: Namespace): boolean {
  return `.${encodeMutf7(name.slice(prefix.length))}`.length > MAX_FOLDER;
}

function hasControlCharacter(name: string): boolean {
  return [...name].some((character) => character < " ");
}
