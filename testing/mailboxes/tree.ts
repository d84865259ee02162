/**
 * The mailboxes of a user in the order in which Dovecot lists them.
 *
 * @module
 */

/** A mailbox's name in a {@linkcode MailboxTree}. */
export interface TreeName {
  /** The name, from the root on. */
  readonly name: string;
  /** Whether there is such a mailbox; if not, there are mailboxes below that name only. */
  readonly exists: boolean;
  /** Whether there are mailboxes below that name. */
  readonly hasNamesBelow: boolean;
}

/** What is known of a name. */
interface Node {
  exists: boolean;
  /** What is below it, by the next level of the names, oldest first. */
  readonly children: Map<string, Node>;
}

/** Which of the names on a level comes first. */
export type TreeOrder = "newest first" | "oldest first";

/**
 * The names of mailboxes, or of subscriptions, as Dovecot keeps them. A name stands where it was first
 * needed, be it for one below it, and it is gone when neither it is in use any more nor one below it.
 */
export class MailboxTree {
  readonly #separator: string;
  readonly #order: TreeOrder;
  readonly #root: Node = { exists: false, children: new Map() };

  /** Makes an empty one, for names whose levels the separator parts. */
  constructor(separator: string, order: TreeOrder) {
    this.#separator = separator;
    this.#order = order;
  }

  /** Whether a name is in it, and not only some below it; "" is the root's. */
  has(name: string): boolean {
    let node: Node | undefined = this.#root;
    for (const level of this.#levels(name)) node = node?.children.get(level);
    return node?.exists === true;
  }

  /** Puts a name in; where it is in it stays where it is. */
  add(name: string): void {
    let node = this.#root;
    for (const level of this.#levels(name)) {
      const child = node.children.get(level) ?? { exists: false, children: new Map() };
      node.children.set(level, child);
      node = child;
    }
    node.exists = true;
  }

  /** Takes a name out. */
  delete(name: string): void {
    if (this.has(name)) this.#delete(this.#root, this.#levels(name));
  }

  /** All names but the root's, each ahead of those below it. */
  names(): Iterable<TreeName> {
    return this.#below(this.#root, "");
  }

  #delete(node: Node, [level, ...below]: readonly string[]): void {
    const child = level === undefined ? undefined : node.children.get(level);
    if (child === undefined) {
      node.exists = false;
      return;
    }
    this.#delete(child, below);
    if (!child.exists && child.children.size === 0) node.children.delete(level);
  }

  *#below(node: Node, prefix: string): IterableIterator<TreeName> {
    const children = [...node.children];
    if (this.#order === "newest first") children.reverse();
    for (const [level, child] of children) {
      const name = `${prefix}${level}`;
      yield { name, exists: child.exists, hasNamesBelow: child.children.size > 0 };
      yield* this.#below(child, `${name}${this.#separator}`);
    }
  }

  #levels(name: string): readonly string[] {
    return name === "" ? [] : name.split(this.#separator);
  }
}
