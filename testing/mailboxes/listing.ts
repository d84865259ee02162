/**
 * In which order Dovecot lists mailboxes, and which of them a mask reaches.
 *
 * @module
 */

import { fitsBelow, fitsMask, isInbox, type Namespace } from "./names.ts";
import type { TreeName } from "./tree.ts";

/** A namespace and the names in it. */
export interface Listing extends Namespace {
  /** The names, without the namespace's prefix; INBOX among them where the namespace has it. */
  readonly names: Iterable<TreeName>;
  /** Whether there is a mailbox by the name of the prefix itself, without its separator. */
  readonly hasRoot: boolean;
}

/** What {@linkcode listNames} lists. */
export interface ListOptions {
  /** Only names that this mask fits; all if left out. */
  readonly mask?: string;
  /** Also INBOX where the mask fits it and doesn't reach its namespace; no if left out. */
  readonly alwaysInbox?: boolean;
}

/**
 * The names of several namespaces, which stand by the lengths of their prefixes, as Dovecot lists
 * them: namespace by namespace, INBOX last. Without a mask the namespaces' prefixes are among them.
 *
 * A mask reaches into one namespace only, the last one that has names which it may fit: its `*` ends
 * at the border of a namespace, so that "*" doesn't list what is below the prefix "Archive/".
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
      // INBOX comes last; where it isn't called so in its namespace, others may be below that name.
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

/** The names in several namespaces that are subscribed to, in the same order, but for INBOX. */
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

/** The namespace that a mask reaches, if any. */
function lastReached(listings: readonly Listing[], mask: string): readonly Listing[] {
  const withoutStars = mask.replaceAll("*", "%");
  const reached = listings.filter(({ prefix, separator }) =>
    fitsBelow(withoutStars, prefix, separator)
  );
  return reached.slice(-1);
}
