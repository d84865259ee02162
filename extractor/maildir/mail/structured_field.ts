/**
 * Fields such as Content-Type, with parameters behind a value (RFC 2045, 5.1; RFC 2231), and what
 * the charsets mean that they name: by postal-mime, whose nodes do both.
 *
 * postal-mime's public result is a mail's texts and attachments without their places, and its line
 * ends are line feeds wherever they were others. The tree of parts is taken apart in `parts.ts`
 * therefore; of postal-mime's inside only two methods of a node are used, which are looked for once.
 *
 * @module
 */

import PostalMime from "postal-mime";
import { attempt } from "./words.ts";

/** A field's value, and its parameters. */
export interface StructuredField {
  /** What stands ahead of the parameters, in lower case: "text/plain". */
  readonly value: string;
  /** The parameters by their names, which are in lower case; continuations are put together. */
  readonly params: Readonly<Record<string, string>>;
}

/** What is used of a node of postal-mime 4.0.0. */
interface Node {
  contentType: { parsed: StructuredField };
  content: ArrayBufferLike | null;
  parseStructuredHeader(value: string): StructuredField;
  getTextContent(): string;
}

/** Finds a node in a parser, or says that there is none as it is wanted. */
export function findNode(parser: object): Node {
  const node: Partial<Node> | undefined = (parser as { root?: Partial<Node> }).root;
  const isNode = typeof node?.parseStructuredHeader === "function" &&
    typeof node.getTextContent === "function" && "content" in node &&
    typeof node.contentType?.parsed === "object";
  if (!isNode) {
    throw new TypeError(
      "This postal-mime has no parser.root with parseStructuredHeader() and getTextContent(), as " +
        "version 4.0.0 has. Install that version.",
    );
  }
  return node as Node;
}

const node = findNode(new PostalMime());

/** Nobody writes a longer field of that kind; more isn't read. */
const maxLength = 65_536;

/** Reads a field. */
export function parseStructuredField(value: string): StructuredField {
  if (value === "") return { value: "", params: {} };
  return attempt(() => node.parseStructuredHeader(value.slice(0, maxLength)), {
    value: value.slice(0, maxLength).split(";", 1)[0].trim().toLowerCase(),
    params: {},
  });
}

/**
 * Decodes bytes of a charset: what isn't valid in it becomes U+FFFD, and a charset that nobody knows
 * counts as windows-1252.
 */
export function decodeCharset(bytes: Uint8Array, charset: string): string {
  node.contentType.parsed = { value: "text/plain", params: { charset } };
  node.content = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  try {
    return node.getTextContent();
  } finally {
    node.content = null;
  }
}
