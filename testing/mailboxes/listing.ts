/**
 * The order in which Dovecot lists mailboxes, and the mailboxes that a mask matches.
 *
 * @module
 */

import { fitsBelow, fitsMask, isInbox, type Namespace } from "./names.ts";
import type { TreeName } from "./tree.ts";

/** A namespace and the names in it. */
export interface Listing extends Namespace {
  /** The names, without the namespace's prefix; with INBOX if the namespace has it. */
  readonly names: Iterable<TreeName>;
  /** Whether a mailbox has the prefix itself, without its separator, as its name. */
  readonly hasRoot: boolean;
}

/** Options for {@linkcode listNames}. */
export interface ListOptions {
  /** Only names that this mask matches; all if left out. */
  readonly mask?: string;
  /** Also INBOX if the mask matches it but not its namespace; `false` if left out. */
  readonly alwaysInbox?: boolean;
}

/**
 * The names of several namespaces, which are given sorted by the lengths of their prefixes, as Dovecot
 * lists them: namespace by namespace, INBOX last. Without a mask the namespaces' prefixes are listed, too.
 *
 * A mask matches names of one namespace only, the last one that may have such names: "*" doesn't list
 * the mailboxes below the prefix "Archive/" of another namespace.
 */
export function* listNames(
  listings: readonly Listing[],
  options: ListOptions = {},
): IterableIterator<TreeName> {
  const { mask, alwaysInbox = false } = options;
  const reached = mask === undefined ? listings : lastReached(listings, mask);
  const inboxAt = listings.find(({ inbox }) => inbox)!;
  let inboxIsDue = reached.includes(inboxAt) || alwaysInbox;
  for (const { prefix, separator, inbox, names, hasRoot } of reached) {
    if (mask === undefined && prefix !== "") {
      const name = prefix.slice(0, -1);
      if (isInbox(name)) inboxIsDue = false;
      yield { name, exists: hasRoot || isInbox(name), hasNamesBelow: true };
    }
    for (const entry of names) {
      // INBOX comes last; if its namespace has another name for it, mailboxes may be below "INBOX".
      const isRealInbox = inbox && entry.name === "INBOX";
      if (isRealInbox && (prefix === "" || !entry.hasNamesBelow)) continue;
      const name = `${prefix}${entry.name}`;
      if (mask !== undefined && !fitsMask(mask, name, separator)) continue;
      yield { ...entry, name, exists: entry.exists && !isRealInbox };
    }
  }
  if (inboxIsDue && (mask === undefined || fitsMask(mask, "INBOX", inboxAt.separator))) {
    yield { name: "INBOX", exists: true, hasNamesBelow: false };
  }
}

/** The subscribed names in several namespaces, in the same order, except INBOX. */
export function* listSubscriptions(
  listings: readonly Listing[],
  mask?: string,
): IterableIterator<string> {
  const reached = mask === undefined ? listings : lastReached(listings, mask);
  for (const { prefix, separator, inbox, names, hasRoot } of reached) {
    if (mask === undefined && hasRoot) yield prefix.slice(0, -1);
    for (const { name, exists } of names) {
      const full = inbox && name === "INBOX" ? name : `${prefix}${name}`;
      if (exists && (mask === undefined || fitsMask(mask, full, separator))) yield full;
    }
  }
}

/** The namespace that a mask matches names of, if any. */
function lastReached(listings: readonly Listing[], mask: string): readonly Listing[] {
  const withoutStars = mask.replaceAll("*", "%");
  const reached = listings.filter(({ prefix, separator }) =>
    fitsBelow(withoutStars, prefix, separator)
  );
  return reached.slice(-1);
}
