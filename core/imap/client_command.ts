/**
 * A client's commands, as they are written.
 *
 * @module
 */

import { concat, encodeUtf8, plainBytes } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import { astring, quotedBytes } from "./syntax.ts";
import type { ImapString, ImapValue } from "./value.ts";

/**
 * An argument of a command: a text, which is written as an atom, in quotes or as a literal, whichever can
 * contain it; bytes, which are copied and written as a literal; a list; or a value that says itself how it is written.
 *
 * What has a meaning of its own, such as a sequence set, a flag or `NIL`, is an atom: see {@linkcode atom}.
 */
export type ImapArgument = string | Uint8Array | ImapValue | readonly ImapArgument[];

/** A command to send. */
export interface ImapClientCommand {
  /** Its name, in any case: "SELECT", "UID FETCH". */
  readonly name: string;
  /** Its arguments; none if left out. */
  readonly args?: readonly ImapArgument[];
  /**
   * Whether it runs until this side ends it with DONE, after the server's continuation; if left out, `true`
   * only for IDLE.
   */
  readonly isLongRunning?: boolean;
}

/** A part of a command on the wire. */
export type CommandPart =
  /** Bytes of a line. */
  | { readonly type: "text"; readonly bytes: Uint8Array }
  /** A literal, without its marker. */
  | { readonly type: "literal"; readonly bytes: Uint8Array; readonly isBinary: boolean };

/**
 * An argument that is written as it is: `atom("1:*")`, `atom("\\Seen")`, `atom("BODY[TEXT]<0.512>")`.
 * Throws a {@linkcode LocalProtocolError} for a text that a server could read as something else: one that is
 * empty, or has a control character, quotes, `{`, or characters beyond ASCII. A string can contain these.
 *
 * @example
 * ```ts
 * import { atom } from "@dovewire/dovewire/core/imap";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(atom("1:*"), { type: "atom", text: "1:*" });
 * ```
 */
export function atom(text: string): ImapValue {
  checkAtom(text);
  return { type: "atom", text };
}

function checkAtom(text: string): void {
  if (typeof text === "string" && /^[!#-z|}~ ]+$/.test(text)) return;
  throw new LocalProtocolError(
    `An atom of IMAP can't be empty, and has printable ASCII characters without quotes and "{". Use a ` +
      "string, which is written in quotes or as a literal.",
  );
}

/** A command's parts, from its tag to the line's end. Throws a {@linkcode LocalProtocolError} if it is invalid. */
export function encodeCommand(tag: string, { name, args = [] }: ImapClientCommand): CommandPart[] {
  if (!Array.isArray(args)) {
    throw new LocalProtocolError(
      `The arguments of ${name} are no array. Put them into one, a single one as well.`,
    );
  }
  const writer = new CommandWriter();
  writer.text(`${tag} ${name}`);
  for (const arg of args) {
    writer.text(" ");
    writer.argument(arg);
  }
  writer.text("\r\n");
  return writer.parts;
}

/** Throws a {@linkcode LocalProtocolError} for an invalid name of a command. */
export function checkName(name: string): void {
  if (typeof name === "string" && /^[a-z][a-z0-9._=-]*(?: [a-z][a-z0-9._=-]*)?$/i.test(name)) {
    return;
  }
  throw new LocalProtocolError(
    'The name of an IMAP command is a word of letters and digits, "SELECT", or two, "UID FETCH". Put what ' +
      'follows it into "args".',
  );
}

/** How many lists may be in each other: more than any server takes, and less than the stack can. */
const deepestList = 500;

/** Collects a command's parts; texts that follow each other are one part. */
class CommandWriter {
  readonly parts: CommandPart[] = [];
  #text: Uint8Array[] = [];
  /** In how many lists the next argument is. */
  #depth = 0;

  text(text: string): void {
    this.#bytes(encodeUtf8(text));
    if (text.endsWith("\n")) this.#endText();
  }

  argument(value: ImapArgument): void {
    if (typeof value === "string") return this.#string(value);
    if (value instanceof Uint8Array) return this.#literal(copyOf(value));
    if (isArray(value)) return this.#list(value);
    switch (value?.type) {
      case "atom":
        checkAtom(value.text);
        return this.text(value.text);
      case "string":
        return this.#bytesAs(value);
      case "list":
        return this.#list(value.values);
      default:
        throw new LocalProtocolError(
          `An argument is a ${typeof value}. Use a text, bytes, an atom(), or an array of these.`,
        );
    }
  }

  #string(text: string): void {
    const written = astring(text);
    if (written.type === "text") this.#bytes(written.bytes);
    else this.#literal(written.bytes);
  }

  #bytesAs({ bytes, form }: ImapString): void {
    const text = form === "quoted" ? quotedBytes(plainBytes(bytes)) : undefined;
    if (text === undefined) this.#literal(copyOf(bytes));
    else this.text(text);
  }

  #literal(bytes: Uint8Array): void {
    this.#endText();
    // Only a literal8 may contain a NUL (RFC 9051, 9).
    this.parts.push({ type: "literal", bytes, isBinary: bytes.includes(0) });
  }

  #list(values: readonly ImapArgument[]): void {
    if (!isArray(values)) {
      throw new LocalProtocolError('A list has no array as its "values". Put them into one.');
    }
    this.#depth++;
    if (this.#depth > deepestList) {
      throw new LocalProtocolError(
        `A list has lists in it, more than ${deepestList} deep. Check whether one contains itself.`,
      );
    }
    this.text("(");
    for (const [at, value] of values.entries()) {
      if (at > 0) this.text(" ");
      this.argument(value);
    }
    this.text(")");
    this.#depth--;
  }

  #bytes(bytes: Uint8Array): void {
    this.#text.push(bytes);
  }

  #endText(): void {
    if (this.#text.length === 0) return;
    this.parts.push({ type: "text", bytes: concat(this.#text) });
    this.#text = [];
  }
}

/** A caller's bytes as they are now: the command may wait, and the caller may use its buffer again meanwhile. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return plainBytes(bytes).slice();
}

/** `Array.isArray()` for an array that is read only, which TypeScript's own excludes. */
function isArray(value: ImapArgument): value is readonly ImapArgument[] {
  return Array.isArray(value);
}
