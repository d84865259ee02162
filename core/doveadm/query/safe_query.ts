/**
 * Checks queries whose messages are to be removed.
 *
 * Source: expunge_search_args_check() in Dovecot's src/doveadm/doveadm-mail-expunge.c.
 *
 * @module
 */

/** The part of a key that matters here, for parsed and prepared queries. */
interface Key {
  readonly type: string;
  readonly keys?: readonly Key[];
  readonly key?: Key;
}

/**
 * Why Dovecot refuses a query for "expunge", and for "move" from another user, as a part of a sentence;
 * `undefined` if it accepts it. A query that removes messages has to name a mailbox in each of its
 * branches, and another condition besides.
 */
export function dangerOf({ key }: { readonly key: Key }): string | undefined {
  const keys = key.type === "and" ? partsOf(key) : [key];
  if (!namesMailbox(keys)) {
    return "to avoid accidents, each branch of it has to name a mailbox, with mailbox or " +
      "mailbox-guid";
  }
  if (!choosesMessages(keys)) {
    return "to avoid accidents, each branch of it needs a condition besides the mailbox. Add " +
      '"all" if it is all messages';
  }
  return undefined;
}

/** Whether a list of keys names a mailbox. */
function namesMailbox(keys: readonly Key[]): boolean {
  const plain = keys.map(withoutNot);
  if (plain.some((key) => isMailbox(key) || namesMailbox(keysOf(key)))) return true;
  const branches = plain.filter(({ type }) => type === "or");
  return branches.length > 0 && branches.every(namesMailboxInAll);
}

/** Whether a key names a mailbox in each of its branches. */
function namesMailboxInAll(key: Key): boolean {
  if (key.type === "or") return partsOf(key).map(withoutNot).every(namesMailboxInAll);
  return isMailbox(key) || namesMailbox(keysOf(key));
}

/** Whether a list of keys has other conditions than mailboxes. */
function choosesMessages(keys: readonly Key[]): boolean {
  return keys.map(withoutNot).some((key) =>
    key.type === "and" || key.type === "or" ? choosesMessagesInAll(key) : !isMailbox(key)
  );
}

function choosesMessagesInAll(key: Key): boolean {
  if (key.type === "or") return partsOf(key).map(withoutNot).every(choosesMessagesInAll);
  return key.type === "and" ? choosesMessages(partsOf(key)) : !isMailbox(key);
}

/** The keys that are combined as a list: those of an "and", and the one of a thread. */
function keysOf(key: Key): readonly Key[] {
  return key.type === "and" || key.type === "in-thread" ? partsOf(key) : [];
}

/** All direct parts of a key. */
function partsOf({ keys, key }: Key): readonly Key[] {
  return keys ?? (key === undefined ? [] : [key]);
}

function isMailbox({ type }: Key): boolean {
  return type === "mailbox" || type === "mailbox-mask" || type === "mailbox-guid";
}

function withoutNot(key: Key): Key {
  return key.type === "not" ? withoutNot(key.key!) : key;
}
