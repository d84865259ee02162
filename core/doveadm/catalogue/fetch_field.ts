/**
 * The families of fields of "fetch": hdr.NAME, body.SECTION and binary.SECTION.
 *
 * @module
 */

import type { DovecotVersion } from "./command_info.ts";

/** The suffixes after a header field's name. */
const filters = ["utf8", "address", "address_name", "address_name.utf8"];

/**
 * Why Dovecot refuses a field of one of the families, which is in lower case, as a part of a sentence;
 * `undefined` if it accepts it.
 *
 * Source: Dovecot's src/doveadm/doveadm-mail-fetch.c and src/lib-imap-storage/imap-msgpart.c.
 */
export function fetchFieldFault(field: string, version: DovecotVersion): string | undefined {
  const [, family, rest] = /^(hdr|body|binary)\.([^]*)$/.exec(field) ?? [];
  if (family === undefined || field === "body.preview" || field === "body.snippet") {
    return undefined;
  }
  if (version === "2.3" && rest.includes(" ")) {
    return 'Dovecot 2.3 takes no spaces in it. Write "header.fields(from,subject)"';
  }
  if (family !== "hdr") {
    return isSection(rest)
      ? undefined
      : `${
        JSON.stringify(rest)
      } is no section of a message, like "1", "2.mime", "header", "1.text" ` +
        'or "header.fields(from,subject)"';
  }
  const dot = rest.indexOf(".");
  if (dot === -1 || filters.includes(rest.slice(dot + 1))) return undefined;
  return `after the header field's name may come ${filters.map((name) => `".${name}"`).join(", ")}`;
}

/** Whether it is a section as in IMAP (RFC 3501, 6.4.5). */
function isSection(text: string): boolean {
  const numbers = /^\d+(\.\d+)*(?=\.|$)/.exec(text)?.[0] ?? "";
  const what = text.slice(numbers.length).replace(numbers === "" ? "" : /^\.(?=.)/, "");
  if (what === "mime") return numbers !== "";
  return /^(|text|header|header\.fields(\.not)? ?\([^]+\))$/.test(what);
}
