import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  canonicalName,
  fitsBelow,
  fitsMask,
  isMask,
  isTooLongForFolder,
  nameFault,
  type Namespace,
  namespaceOf,
  newNameFault,
} from "../../../testing/mailboxes/names.ts";

const plain: Namespace = { prefix: "", separator: "/", inbox: true };
const archive: Namespace = { prefix: "Archive/", separator: "/", inbox: false };
const deep: Namespace = { prefix: "Archive/Deep/", separator: "/", inbox: false };
const dotted: Namespace = { prefix: "", separator: ".", inbox: true };

test("fitsMask › matching masks › true", () => {
  for (
    const [mask, names] of [
      ["*", ["", "a", "a/b", "INBOX"]],
      ["%", ["", "a", "INBOX"]],
      ["%/%", ["a/b", "/"]],
      ["a*", ["a", "ab", "a/b"]],
      ["a%", ["a", "ab"]],
      ["*b", ["b", "a/b", "bb"]],
      ["%b%", ["b", "abc"]],
      ["a*%b", ["ab", "a/b", "axb"]],
      ["a/%", ["a/", "a/b"]],
      ["inbox", ["INBOX"]],
      ["i%x", ["INBOX"]],
      ["*ox", ["INBOX"]],
      ["inBOX/*", ["INBOX/a"]],
      ["a.b", ["a.b"]],
      ["ä%", ["ä", "äb"]],
    ] as const
  ) {
    for (const name of names) assert(fitsMask(mask, name, "/"), `${mask} ${name}`);
  }
});

test("fitsMask › other masks › false", () => {
  for (
    const [mask, names] of [
      ["", ["a"]],
      ["%", ["a/b", "/"]],
      ["a%", ["a/b", "b"]],
      ["%/%", ["a", "a/b/c"]],
      ["A*", ["a"]],
      ["*B", ["INBOX/b"]],
      ["INBOX*", ["inboxes"]],
      ["*x/a", ["inboxx/A", "INBOX/A"]],
      ["a.b", ["axb"]],
    ] as const
  ) {
    for (const name of names) {
      assert(!fitsMask(mask, name, "/"), `${mask} ${name}`);
    }
  }
});

test("fitsMask › random masks › the same as a regular expression", () => {
  const text = (characters: string) =>
    fc.string({ unit: fc.constantFrom(...characters), maxLength: 8 });
  fc.assert(
    fc.property(text("ab/*%"), text("ab/"), (mask, name) => {
      const pattern = mask.replaceAll("*", ".*").replaceAll("%", "[^/]*");
      assert.equal(fitsMask(mask, name, "/"), new RegExp(`^${pattern}$`).test(name));
      if (fitsMask(mask, name, "/")) assert(fitsBelow(mask, name.slice(0, 2), "/"));
    }),
    { seed: 1 },
  );
});

test("fitsMask › a mask of many wildcards › fast", () => {
  assert(!fitsMask("*a".repeat(200), "a".repeat(150) + "b", "/"));
});

test("isMask › * or % › true", () => {
  assert(isMask("a*") && isMask("%"));
  assert(!isMask("a?") && !isMask(""));
});

test("canonicalName › INBOX as the first level, in any case › INBOX", () => {
  for (
    const [name, canonical] of [
      ["inbox", "INBOX"],
      ["Inbox/a", "INBOX/a"],
      ["inboxes", "inboxes"],
      ["a/inbox", "a/inbox"],
      ["", ""],
    ]
  ) {
    assert.equal(canonicalName(name, "/"), canonical);
  }
});

test("namespaceOf › names with and without a prefix › the right namespace", () => {
  const namespaces = [archive, plain, deep];
  for (
    const [name, namespace] of [
      ["", plain],
      ["a", plain],
      ["Archive", archive],
      ["Archive/", archive],
      ["Archive/a", archive],
      ["archive/a", plain],
      ["Archives", plain],
      ["Archive/Deep", deep],
      ["Archive/Deep/a", deep],
      ["inbox", plain],
    ] as const
  ) {
    assert.equal(namespaceOf(name, namespaces), namespace, name);
  }
  assert.equal(namespaceOf("a", [archive]), undefined);
});

test("mailbox names › invalid ones › Dovecot's reason", () => {
  for (
    const [name, namespace, fault] of [
      ["", plain, "Name is empty"],
      ["/", plain, "Begins with hierarchy separator"],
      ["/a", plain, "Begins with hierarchy separator"],
      ["a//b", plain, "Has adjacent hierarchy separators"],
      ["a/", plain, "Ends with hierarchy separator"],
      ["INBOX/", plain, "Ends with hierarchy separator"],
      ["~a", plain, "Begins with '~'"],
      ["a.b", plain, "Character not allowed in mailbox name: '.'"],
      ["a/b", dotted, "Name must not have '/' characters"],
      ["a.", dotted, "Ends with hierarchy separator"],
      ["Archive/", archive, "Invalid mailbox name 'Archive/': Ends with hierarchy separator"],
      ["Archive//", archive, "Begins with hierarchy separator"],
      ["Archive/~a", archive, "Begins with '~'"],
    ] as const
  ) {
    assert.match(nameFault(name, namespace) ?? "", new RegExp(`(^|: )${fault}$`), name);
  }
  for (
    const [name, namespace] of [
      ["inbox", plain],
      ["a b", plain],
      ["日本/é", plain],
      ["a\nb", plain],
      ["a.b", dotted],
      ["a~", plain],
      ["Archive", archive],
      ["Archive/INBOX", archive],
    ] as const
  ) {
    assert.equal(nameFault(name, namespace), undefined, name);
  }
});

test("new mailbox names › invalid ones › Dovecot's reason", () => {
  const fault = (name: string) => newNameFault(name, plain);
  assert.equal(fault("a"), undefined);
  assert.equal(fault("a\x7f"), undefined);
  assert.match(fault("a\tb") ?? "", /^Control characters/);
  assert.match(fault("/a") ?? "", /separator/);
  assert.equal(fault("n".repeat(255)), undefined);
  assert.equal(fault("n".repeat(256)), "Mailbox name too long");
  // In modified UTF-7, three bytes of UTF-16 take four characters.
  assert.equal(fault("é".repeat(94)), undefined);
  assert.equal(fault("é".repeat(95)), "Mailbox name too long");
  assert.equal(fault("n/".repeat(2048) + "n"), "Mailbox name too long");
  assert(!isTooLongForFolder("n".repeat(254), plain));
  assert(isTooLongForFolder("n".repeat(255), plain));
});
