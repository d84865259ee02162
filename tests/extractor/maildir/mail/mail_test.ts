import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import PostalMime from "postal-mime";
import {
  type MimePartInit,
  type ParsedMail,
  parseMail,
} from "../../../../extractor/maildir/mail/mail.ts";
import {
  type MimePart,
  ReadMailResponseSchema,
} from "../../../../extractor/messages/extractor/extractor_pb.ts";
import { strangeMails } from "../strange_mails.ts";

/** A mail from a string whose characters are bytes. */
function mail(text: string): ParsedMail {
  return parseMail(Buffer.from(text, "latin1"));
}

/** The body after encoding and decoding the message. */
function sent(mail: ParsedMail): MimePart {
  const { head, body } = mail;
  const bytes = toBinary(ReadMailResponseSchema, create(ReadMailResponseSchema, { head, body }));
  const read = fromBinary(ReadMailResponseSchema, bytes);
  assert.equal(read.head?.subject, head.subject);
  assert.ok(read.body);
  return read.body;
}

/** The parts that are neither multiparts nor mails, in order. */
function* leaves(part: MimePart): Generator<MimePart> {
  const { content } = part;
  if (content.case === "multipart") {
    for (const child of content.value.parts) {
      yield* leaves(child);
    }
  } else if (content.case === "mail") yield* leaves(content.value.body!);
  else yield part;
}

function text(part: MimePartInit | MimePart | undefined): string | undefined {
  return part?.content?.case === "text" ? part.content.value : undefined;
}

test("strange mails › parsed › have a head and a body without losses", () => {
  let count = 0;
  for (const { name, bytes, subject, leaves: expected } of strangeMails()) {
    count++;
    const copy = bytes.length < 100_000 ? bytes.slice() : undefined;
    const parsed = parseMail(bytes);
    const body = sent(parsed);
    if (subject !== undefined) assert.equal(parsed.head.subject, subject, name);
    const contents: string[] = [];
    for (const leaf of leaves(body)) {
      const found = parsed.part(leaf.path);
      // Tens of thousands of parts: an assertion for each would take most of the time.
      if (
        found === undefined || BigInt(found.data.length) !== leaf.size ||
        found.part.contentType !== leaf.contentType
      ) assert.fail(`${name}: part ${leaf.path}`);
      if (expected !== undefined) contents.push(Buffer.from(found.data).toString("latin1"));
    }
    // A failure message with megabytes of differing text doesn't help.
    if (expected !== undefined && bytes.length < 100_000) {
      assert.deepEqual(contents, expected, name);
    } else if (expected !== undefined) {
      assert.equal(contents.length, expected.length, name);
      assert.ok(contents.every((content, at) => content === expected[at]), name);
    }
    if (copy !== undefined) assert.ok(Buffer.compare(bytes, copy) === 0, `${name} was changed`);
  }
  assert.ok(count >= 200, `${count} mails`);
});

test("mails › parts › have paths, sizes and names", () => {
  const parsed = mail(
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" +
      "Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\none\r\n--c\r\n" +
      "Content-Type: text/html; charset=UTF-8\r\nContent-ID: <1@x>\r\n\r\n<p>\xc3\xa4\r\n--c--\r\n" +
      "--b\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n" +
      "Content-Disposition: ATTACHMENT; filename*=utf-8''%C3%A4.pdf\r\n\r\nAAEC\r\n--b\r\n" +
      "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntwo\r\n--b--\r\n",
  );
  const plain = { charset: "", disposition: "", filename: "", contentId: "" };
  assert.deepEqual(parsed.body, {
    ...plain,
    path: "",
    contentType: "multipart/mixed",
    size: 0n,
    content: {
      case: "multipart",
      value: {
        parts: [
          {
            ...plain,
            path: "1",
            contentType: "multipart/alternative",
            size: 0n,
            content: {
              case: "multipart",
              value: {
                parts: [
                  {
                    ...plain,
                    path: "1.1",
                    contentType: "text/plain",
                    size: 3n,
                    content: { case: "text", value: "one" },
                  },
                  {
                    ...plain,
                    path: "1.2",
                    contentType: "text/html",
                    charset: "utf-8",
                    contentId: "<1@x>",
                    size: 5n,
                    content: { case: "text", value: "<p>ä" },
                  },
                ],
              },
            },
          },
          {
            ...plain,
            path: "2",
            contentType: "application/pdf",
            disposition: "attachment",
            filename: "ä.pdf",
            size: 3n,
          },
          {
            ...plain,
            path: "3",
            contentType: "message/rfc822",
            size: 21n,
            content: {
              case: "mail",
              value: {
                head: {
                  messageId: "",
                  subject: "inner",
                  from: [],
                  to: [],
                  cc: [],
                  bcc: [],
                  dateSent: undefined,
                  contentType: "text/plain",
                  size: 21n,
                },
                body: {
                  ...plain,
                  path: "3.1",
                  contentType: "text/plain",
                  size: 3n,
                  content: { case: "text", value: "two" },
                },
              },
            },
          },
        ],
      },
    },
  });
  assert.deepEqual(parsed.part("2")?.data, Uint8Array.of(0, 1, 2));
  assert.equal(parsed.part("2")?.part.content, undefined);
  assert.equal(String(Buffer.from(parsed.part("3")!.data)), "Subject: inner\r\n\r\ntwo");
  assert.equal(String(Buffer.from(parsed.part("3.1")!.data)), "two");
  for (const path of ["4", "1.3", "1.", ".1", "01", "0", "3.1.1", "x"]) {
    assert.equal(parsed.part(path), undefined, path);
  }
});

test("mails › texts in several charsets › are decoded", () => {
  const cases: [type: string, bytes: string, text: string][] = [
    ["text/plain", "\xc3\xa4", "ä"],
    ["text/plain", "\xe4 \x80", "ä €"],
    ["text/plain; charset=us-ascii", "\xe4", "ä"],
    ["text/plain; charset=us-ascii", "\xc3\xa4", "ä"],
    ["text/plain; charset=utf-8", "\xe4x", "äx"],
    ["text/plain; charset=x-none", "\xe4", "ä"],
    ["text/plain; charset=iso-8859-15", "\xa4", "€"],
    ["text/plain; charset=koi8-r", "\xf0", "П"],
    ["text/plain; charset=cp932", "\x93\xfa", "日"],
    ["text/plain; charset=utf-16be", "\0a\xd8\0", "a\ufffd"],
    ["text/plain; charset=utf-8", "\xef\xbb\xbfa", "a"],
    ["text/plain", "\xef\xbb\xbfa", "a"],
    ["text/plain", "a\0b", "a\0b"],
    ["text/plain", "a\r\nb\rc\nd\r\n", "a\nb\nc\nd\n"],
    ["text/plain; format=flowed", "a \r\nb\r\n", "a \nb\n"],
    ["text/html", "<p>", "<p>"],
    ["text/x-anything", "x", "x"],
  ];
  for (const [type, bytes, expected] of cases) {
    const parsed = mail(`Content-Type: ${type}\r\n\r\n${bytes}`);
    assert.equal(text(parsed.body), expected, `${type} ${JSON.stringify(bytes)}`);
    assert.equal(Buffer.from(parsed.part("")!.data).toString("latin1"), bytes);
  }
});

test("mails › an attached text › is a part, not in the body", () => {
  const parsed = mail("Content-Disposition: attachment; filename=a.txt\r\n\r\nattached\r\n");
  assert.equal(parsed.body.content, undefined);
  assert.equal(String(Buffer.from(parsed.part("")!.data)), "attached\r\n");
  assert.equal(
    text(mail("Content-Disposition: inline; filename=a.txt\r\n\r\nshown").body),
    "shown",
  );
});

test("mails › a mail in base64 within one in base64 › isn't opened", () => {
  const inner = btoa("Subject: innermost\r\n\r\none");
  const start = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  const parsed = mail(start + btoa(start + inner));
  const { body } = parsed;
  assert.ok(body.content?.case === "mail");
  assert.equal(body.content.value.body?.contentType, "message/rfc822");
  assert.equal(body.content.value.body?.content, undefined);
  assert.equal(String(Buffer.from(parsed.part("1")!.data)), "Subject: innermost\r\n\r\none");
});

test("mails › parts nested too deep for protobuf decoders › become siblings, or attachments", () => {
  for (const [depth, deepest] of [[48, 49], [100, 49], [255, 49], [1000, 49]]) {
    let start = "";
    for (let level = 0; level < depth; level++) {
      start +=
        `Content-Type: multipart/mixed; boundary=b${level}\n\n--b${level}\n\n${level}\n--b${level}\n`;
    }
    const parsed = mail(`${start}\ninnermost`);
    const body = sent(parsed);
    let levels = 0;
    const deep = (part: MimePart, level: number): void => {
      levels = Math.max(levels, level);
      if (part.content.case === "multipart") {
        part.content.value.parts.forEach((child) => deep(child, level + 1));
      }
    };
    deep(body, 0);
    assert.ok(levels <= deepest, `${depth} deep came to ${levels}`);
    const found = [...leaves(body)];
    if (depth < 256) assert.equal(text(found.at(-1)), "innermost");
    else {
      const last = found.at(-1)!;
      assert.equal(last.contentType, "multipart/mixed");
      assert.match(String(Buffer.from(parsed.part(last.path)!.data)), /innermost$/);
    }
    assert.equal(text(found[depth < 256 ? depth - 1 : 255]), String(depth < 256 ? depth - 1 : 255));
  }
  const mails = mail("Content-Type: message/rfc822\n\n".repeat(100) + "Subject: x\n\none");
  const [closed] = leaves(sent(mails));
  assert.match(String(Buffer.from(mails.part(closed.path)!.data)), /Subject: x\n\none$/);
  assert.equal(String(Buffer.from(mails.part(Array(100).fill("1").join("."))!.data)), "one");
});

test("mails › more than 20,000 parts › the last one has all the rest", () => {
  const parsed = mail(
    `Content-Type: multipart/mixed; boundary=b\n\n${"--b\n\nx\n".repeat(30_000)}--b--`,
  );
  const found = [...leaves(sent(parsed))];
  assert.equal(found.length, 19_999);
  assert.equal(text(found.at(-1)), `x\n${"--b\n\nx\n".repeat(10_001)}`.trimEnd());
});

/** A generated part of a mail. */
type Made =
  | { type: "leaf"; encoding: string; content: Uint8Array; filename: string }
  | { type: "multipart"; parts: Made[] };

const leaf: fc.Arbitrary<Made> = fc.record({
  type: fc.constant("leaf"),
  encoding: fc.constantFrom("base64", "quoted-printable", "8bit"),
  // A carriage return before a delimiter's line feed belongs to the delimiter.
  content: fc.uint8Array({ maxLength: 300 }).filter((bytes) => bytes.at(-1) !== 0x0d),
  filename: fc.stringMatching(/^[a-zäöü ]{1,20}$/).filter((name) => name.trim() === name),
});

const { part: madePart } = fc.letrec<{ part: Made }>((tie) => ({
  part: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.record({
      type: fc.constant("multipart"),
      parts: fc.array(tie("part"), { minLength: 1, maxLength: 4 }),
    }),
  ),
}));

/** Writes a part, with bytes as characters; no boundary occurs within another part. */
function write(part: Made, path: string, lineEnd: string): string {
  if (part.type === "multipart") {
    const boundary = `=boundary ${path}x`;
    const parts = part.parts.map((child, at) => write(child, `${path}.${at + 1}`, lineEnd));
    return `Content-Type: multipart/mixed; boundary="${boundary}"${lineEnd}${lineEnd}` +
      parts.map((child) => `--${boundary}${lineEnd}${child}${lineEnd}`).join("") +
      `--${boundary}--${lineEnd}`;
  }
  const bytes = Buffer.from(part.content);
  const encoded = part.encoding === "base64"
    ? bytes.toString("base64").replace(/.{76}/g, `$&${lineEnd}`)
    : part.encoding === "8bit"
    ? bytes.toString("latin1")
    : bytes.toString("hex").replace(/../g, "=$&").replace(/.{75}/g, `$&=${lineEnd}`);
  return `Content-Type: application/octet-stream${lineEnd}Content-Transfer-Encoding: ${part.encoding}${lineEnd}` +
    `Content-Disposition: attachment; filename*=utf-8''${
      encodeURIComponent(part.filename)
    }${lineEnd}${lineEnd}${encoded}`;
}

function madeLeaves(part: Made): (Made & { type: "leaf" })[] {
  return part.type === "leaf" ? [part] : part.parts.flatMap(madeLeaves);
}

test("mails › parts of any content, encoding and nesting › are read as written, as by postal-mime", async () => {
  await fc.assert(
    fc.asyncProperty(madePart, fc.constantFrom("\n", "\r\n"), async (made, lineEnd) => {
      const bytes = Buffer.from(write(made, "", lineEnd), "latin1");
      const parsed = parseMail(bytes);
      const expected = madeLeaves(made);
      const found = [...leaves(sent(parsed))];
      assert.deepEqual(found.map((part) => part.filename), expected.map((part) => part.filename));
      found.forEach((part, at) => {
        assert.deepEqual(parsed.part(part.path)?.data, expected[at].content);
      });
      const { attachments } = await PostalMime.parse(bytes);
      assert.deepEqual(
        attachments.map(({ filename }) => filename),
        found.map(({ filename }) => filename),
      );
      attachments.forEach(({ content }, at) => {
        // postal-mime changes line ends of unencoded parts, and adds one to quoted-printable.
        const added = { base64: 0, "quoted-printable": 1, "8bit": -1 }[expected[at].encoding] ?? -1;
        if (added === -1) return;
        const theirs = new Uint8Array(content as ArrayBuffer);
        assert.deepEqual(
          theirs.subarray(0, theirs.length - added),
          expected[at].content,
        );
      });
    }),
  );
});

test("mails › nested mails with many mailboxes › have a limited number in all", () => {
  const inner = `--b\nContent-Type: message/rfc822\n\nSubject: y\nTo: ${"a,".repeat(9000)}\n\nz\n`;
  const { body } = mail(`Content-Type: multipart/digest; boundary=b\n\n${inner.repeat(5)}--b--\n`);
  assert(body.content?.case === "multipart");
  const heads = body.content.value.parts!.map(({ content }) => {
    assert(content?.case === "mail");
    assert.equal(content.value.head!.subject, "y");
    return content.value.head!.to!.length;
  });
  assert.deepEqual(heads, [9000, 9000, 7000, 0, 0]);
});

test("mails › any bytes › are a mail", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "\r\n",
      "\n",
      "--b",
      "--b--",
      "Content-Type: multipart/mixed; boundary=b",
      "Content-Type: message/rfc822",
    ),
    fc.constantFrom(
      "Content-Transfer-Encoding: base64",
      "Content-Transfer-Encoding: quoted-printable",
      ": ",
      "=\r\n",
      " ",
    ),
    fc.string({ unit: "binary", maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const parsed = mail(pieces.join(""));
      for (const part of leaves(sent(parsed))) assert.ok(parsed.part(part.path), part.path);
    }),
    { numRuns: 500 },
  );
});
