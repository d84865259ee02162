/**
 * The fields of "fetch" in Dovecot 2.4.
 *
 * @module
 */

import { type FetchFields, fetchFields, ofMessage, sentText } from "../../commands/fetch_fields.ts";
import { bodyStructure, type StructureKind } from "../../dovecot_message/body_structure.ts";
import { fromByteString } from "../../../core/byte_string.ts";
import { decodeParameters } from "./parameters.ts";

/** The fields of Dovecot 2.4. */
export const fetchFields24: FetchFields = new Map([
  ...fetchFields,
  ["date.sent", ofMessage((message) => sentText(message, "its zone"))],
  ["imap.body", structure("body")],
  ["imap.bodystructure", structure("bodystructure")],
]);

function structure(kind: StructureKind): ReturnType<typeof ofMessage> {
  return ofMessage(({ root }) => fromByteString(bodyStructure(root, kind, decodeParameters)));
}
