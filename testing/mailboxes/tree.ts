/**
 * The mailboxes of a user in the order in which Dovecot lists them.
 *
 * @module
 */

/** A mailbox's name in a {@linkcode MailboxTree}. */
export interface TreeName {
  /** The full name. */
  readonly name: string;
  /** Whether the mailbox exists; if not, only mailboxes below that name do. */
  readonly exists: boolean;
  /** Whether there are mailboxes below that name. */
  readonly hasNamesBelow: boolean;
}

/** A node of the tree. */
interface Node {
  exists: boolean;
  /** The nodes below it, by the next level of their names, oldest first. */
  readonly children: Map<string, Node>;
}

/** The order of the names on a level. */
export type TreeOrder = "newest first" | "oldest first";

/**
 * The names of mailboxes, or of subscriptions, as Dovecot keeps them. A name's place in the order is set
 * when it, or a name below it, is first added; it is removed when neither is in use any more.
 */
export class MailboxTree {
  readonly #separator: string;
  readonly #order: TreeOrder;
  readonly #root: Node = { exists: false, children: new Map() };

  /** Creates an empty one for names whose levels the separator divides. */
  constructor(separator: string, order: TreeOrder) {
    this.#separator = separator;
    this.#order = order;
  }

  /** Whether a name itself is in it, not only names below it; "" is the root. */
  has(name: string): boolean {
    let node: Node | undefined = this.#root;
    for (const level of this.#levels(name)) node = node?.children.get(level);
    return node?.exists === true;
  }

  /** Adds a name; one that is there keeps its place. */
  add(name: string): void {
    let node = this.#root;
    for (const level of this.#levels(name)) {
      const child = node.children.get(level) ?? { exists: false, children: new Map() };
      node.children.set(level, child);
      node = child;
    }
    node.exists = true;
  }

  /** Removes a name. */
  delete(name: string): void {
    if (this.has(name)) this.#delete(this.#root, this.#levels(name));
  }

  /** All names except the root, each before those below it. */
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
