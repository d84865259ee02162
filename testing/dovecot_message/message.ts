/**
 * Messages (RFC 5322, RFC 2045), read as Dovecot reads them. Any bytes are a message: reading throws no
 * errors.
 *
 * @module
 */

import { type Header, type HeaderField, readHeader } from "./headers.ts";
import { type MessagePart, type MessageSize, parseParts } from "./mime.ts";

/** A message; each property is computed on first use and then kept. */
export class Message {
  /** The message as it is stored. */
  readonly bytes: Uint8Array;
  #header: Header | undefined;
  #root: MessagePart | undefined;
  #headerSize: MessageSize | undefined;
  #size: MessageSize | undefined;
  #byName: Map<string, HeaderField[]> | undefined;

  /** Creates one without reading it; see {@linkcode parseMessage}. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The fields of the header, in their order. */
  get fields(): readonly HeaderField[] {
    return this.#parsedHeader.fields;
  }

  /** The fields of a name, in any case, in their order. */
  fieldsNamed(name: string): readonly HeaderField[] {
    if (this.#byName === undefined) {
      this.#byName = new Map();
      for (const field of this.fields) {
        const key = field.name.toLowerCase();
        const fields = this.#byName.get(key);
        if (fields === undefined) this.#byName.set(key, [field]);
        else fields.push(field);
      }
    }
    return this.#byName.get(name.toLowerCase()) ?? [];
  }

  /** Where the body begins: after the empty line; at the end if there is none. */
  get bodyStart(): number {
    return this.#parsedHeader.end;
  }

  /** The header, with the empty line after it. */
  get header(): Uint8Array {
    return this.bytes.subarray(0, this.bodyStart);
  }

  /** The body. */
  get body(): Uint8Array {
    return this.bytes.subarray(this.bodyStart);
  }

  /** How large the header is, with the empty line after it. */
  get headerSize(): MessageSize {
    return this.#headerSize ??= sizeOf(this.header);
  }

  /** How large the body is. */
  get bodySize(): MessageSize {
    const { size, headerSize } = this;
    return {
      physical: size.physical - headerSize.physical,
      virtual: size.virtual - headerSize.virtual,
      lines: size.lines - headerSize.lines,
    };
  }

  /** How large the message is. */
  get size(): MessageSize {
    return this.#size ??= sizeOf(this.bytes);
  }

  /** The whole message as the part that contains all others. */
  get root(): MessagePart {
    return this.#root ??= parseParts(this.bytes);
  }

  get #parsedHeader(): Header {
    return this.#header ??= readHeader(this.bytes, 0);
  }
}

const messages = new WeakMap<Uint8Array, Message>();

/** The message of bytes, which must not change afterwards; the same array gives the same message. */
export function parseMessage(bytes: Uint8Array): Message {
  let message = messages.get(bytes);
  if (message === undefined) messages.set(bytes, message = new Message(bytes));
  return message;
}

/** The size of a piece of a message, counted line by line. */
export function sizeOf(bytes: Uint8Array): MessageSize {
  let lines = 0;
  let bare = 0;
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) {
    lines++;
    if (bytes[at - 1] !== 0x0d) bare++;
  }
  return { physical: bytes.length, virtual: bytes.length + bare, lines };
}
