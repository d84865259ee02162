/**
 * Values of parameters whose type isn't enough to generate them: such as servers of both
 * versions take, and such as none takes.
 *
 * @module
 */

import type { ParameterContent, ParameterValue } from "../../../../core/doveadm/catalogue/mod.ts";

/** Values that are right, and values that are wrong; where a parameter is an array, its items. */
export interface Samples {
  readonly right: readonly ParameterValue[];
  readonly wrong: readonly ParameterValue[];
}

const guid = "0123456789abcdefABCDEF0123456789";
const uint32: readonly ParameterValue[] = [-1, -(2n ** 63n), 2 ** 32, 2n ** 63n - 1n];
const dates: Samples = {
  right: ["2026-01-31", "31-Jan-2026", "2 days", "3d", "1767225600", "0"],
  wrong: ["", " ", "yesterday", "2026-1-31", "1 month", "31-Foo-2026", "-2 days", "2 days ago"],
};

/** The values by what they have to be like. */
export const samples: Readonly<Record<ParameterContent, Samples>> = {
  query: {
    right: [["all"], ["mailbox", "INBOX", "uid", "1:*"], ["seen", "or", "larger", "10M"]],
    wrong: [["uid"], ["mailbox", "INBOX", "uid"], ["bogus"], [""], ["("], ["since", "soon"]],
  },
  "removal-query": {
    right: [["mailbox", "INBOX", "all"], ["mailbox", "a", "(", "seen", "or", "draft", ")"]],
    wrong: [["uid"], ["all"], ["mailbox", "INBOX"], ["mailbox", "a", "seen", "or", "draft"]],
  },
  flags: {
    right: [["\\Seen"], ["\\seen", "$Forwarded"], ["work", "\\Recent"], ["a=b/c"]],
    wrong: [["\\Spam"], ["\\"], ["\\Seen", "\\Unseen"], ["ü"], ["a(b"], ["a\tb"], ["\\Flagged "]],
  },
  date: dates,
  guid: { right: [guid], wrong: ["", "0", `${guid}0`, guid.slice(1), guid.replace("0", "g")] },
  "not-empty": { right: ["x", " "], wrong: [""] },
  uint32: { right: [0, 7, 2 ** 32 - 1], wrong: uint32 },
  uint64: { right: [0, 2 ** 32, 2n ** 63n - 1n], wrong: [-1, -(2n ** 63n)] },
  nanoseconds: { right: [1e9, 2 ** 40], wrong: [0, 1, 999_999_999, -1, -(2n ** 63n)] },
  "metadata-key": {
    right: ["/private/comment", "/SHARED/vendor/x", "/private", "/shared/"],
    wrong: ["", "/", "private/comment", "/privatex", " /private/x", "comment"],
  },
  "acl-id": {
    right: [
      "user=bob",
      "owner",
      "authenticated",
      "anyone",
      "anonymous",
      "group=a",
      "group-override=a",
    ],
    wrong: ["", "bob", "user", "OWNER", "owner=x", "-user=bob", "nobody"],
  },
  "acl-right": {
    right: ["lookup", "write-seen", "all", "-read", ":own"],
    wrong: ["", "Lookup", "lr", "lookup read", "--read", "toString"],
  },
  "script-name": {
    right: ["one", "a b", "ü", ".", "-1", "*"],
    wrong: ["", "a/b", "../one", "a\tb", "\n", "\x7f", "\x80", "a\u2028b", "\u2029"],
  },
  "cache-decision": { right: ["yes", "temp", "no"], wrong: ["", "YES", "maybe", "toString"] },
  "path-type": {
    right: ["dir", "mailbox", "control", "index", "index-private"],
    wrong: ["", "DIR", "index-pvt", "toString"],
  },
  ip: {
    right: ["10.0.0.1", "::1", "fe80::1", "[::1]", "0", "0x7f.1"],
    wrong: [
      "",
      "x",
      "999.1.1.1",
      "1.2.3.256",
      "1.2.3.4 ",
      "10.0.0.0/8",
      "example.org",
      "1.2.3.4.5",
    ],
  },
  "auth-info": {
    right: [["service=imap"], ["lip=::1", "rport=993"], []],
    wrong: [["bogus"], [""], ["lip=x"], ["lport=0"], ["rport=65536"], ["service"], ["toString=1"]],
  },
  single: { right: [["INBOX"]], wrong: [["INBOX", "Sent"]] },
  unusable: { right: [], wrong: [] },
};
