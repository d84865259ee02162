import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execPath } from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Format } from "../../../../extractor/maildir/compression/unpacker.ts";
import { loadUnpackers, Maildir } from "../../../../extractor/maildir/maildir.ts";
import { ExtractorFailure } from "../../../../extractor/messages/failure.ts";
import { argumentsToRun } from "../../../harness/this_runtime.ts";
import { TemporaryMaildir } from "../temporary_maildir.ts";
import { compressed, text, zeros, zstdWithChecksum } from "./compressed_mails.ts";

await loadUnpackers();

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const joined = (...pieces: readonly Uint8Array[]) =>
  Uint8Array.from(pieces.flatMap((piece) => [...piece]));

/** A maildir with one mail at a time, with any file name. */
class OneMail implements Disposable {
  readonly #directory = new TemporaryMaildir();
  readonly #options: { maxUnpackedSize?: number };
  #number = 0;

  constructor(options: { maxUnpackedSize?: number } = {}) {
    this.#options = options;
  }

  /** Writes a mail there; returns its content and its size as Maildir reports them. */
  read(bytes: Uint8Array, said = ""): { text: string; size: number } {
    const mid = `${++this.#number}.host${said}`;
    const path = join(this.#directory.path, "cur", `${mid}:2,`);
    writeFileSync(path, bytes);
    try {
      const maildir = Maildir.open(this.#directory.path, this.#options);
      const mail = maildir.find(mid);
      return { text: decode(maildir.read(mail)), size: mail.size };
    } finally {
      rmSync(path);
    }
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

/** Asserts that a mail can't be unpacked, and that the error names the format. */
function refuses(format: Format, read: () => unknown, code = "storage"): void {
  assert.throws(read, (error) => {
    assert(error instanceof ExtractorFailure, String(error));
    assert.equal(error.code, code, error.message);
    if (code === "storage") {
      assert.match(error.message, new RegExp(`compressed as ${format}: .+\\.$`));
    }
    return true;
  });
}

for (const [format, bytes] of compressed) {
  test(`compressed mails › ${format} as Dovecot writes it › is read as the original`, () => {
    using directory = new TemporaryMaildir();
    for (const name of ["cur/1.host,S=145038,W=150041:2,S", "new/2.host"]) {
      writeFileSync(join(directory.path, name), bytes);
    }
    const maildir = Maildir.open(directory.path);
    assert.deepEqual(maildir.count(""), { count: 2, size: 2 * text.length, unseen: 1 });
    for (const sortBy of ["date", "size", "sender", "subject"]) {
      for (const mail of maildir.list({ folder: "", start: 0, end: 9, sortBy })) {
        assert.equal(mail.size, text.length);
        assert.equal(maildir.contentSize(mail), text.length);
        assert.equal(decode(maildir.read(mail)), text);
        assert.equal(decode(maildir.readHeader(mail)), text.slice(0, text.indexOf("\n\n") + 1));
        for (const length of [0, 1, 100, 100_000, 200_000]) {
          assert.equal(decode(maildir.readStart(mail, length)), text.slice(0, length));
        }
        for (const [offset, length] of [[0, 10], [70_000, 70_000], [140_000, 9_999], [1e6, 5]]) {
          const piece = maildir.read(mail, { offset, length });
          assert.equal(decode(piece), text.slice(offset, offset + length));
        }
      }
    }
  });

  test(`compressed mails › ${format} that is cut off anywhere › is a failure`, () => {
    using maildir = new OneMail();
    // The first bytes, which identify the format.
    const magic = { gz: 2, bz2: 10, zstd: 4, xz: 6, lz4: 15 }[format];
    for (let length = magic; length < bytes.length; length++) {
      // The middle is the same everywhere.
      if (length === magic + 40) length = Math.max(length, bytes.length - 40);
      const cut = bytes.subarray(0, length);
      refuses(format, () => maildir.read(cut, `,S=${text.length}`));
      // lz4 doesn't mark its last chunk.
      if (format !== "lz4") refuses(format, () => maildir.read(cut));
    }
  });

  test(`compressed mails › ${format} with other bytes after it › is a failure`, () => {
    using maildir = new OneMail();
    for (const rest of ["x", "garbage", "\x1f", "BZh", text.slice(0, 100)]) {
      refuses(format, () => maildir.read(joined(bytes, encode(rest)), `,S=${text.length}`));
      refuses(format, () => maildir.read(joined(bytes, encode(rest))));
    }
  });

  test(`compressed mails › ${format} with a wrong bit › is a failure, or read as the original`, () => {
    using maildir = new OneMail();
    for (let at = 0; at < bytes.length; at += at < 30 ? 1 : 11) {
      const wrong = bytes.slice();
      wrong[at] ^= 1 << at % 8;
      try {
        const found = maildir.read(wrong, `,S=${text.length}`).text;
        // Without a checksum at least the length is right; what isn't recognized as compressed is text.
        if (at < 16 && found.length < bytes.length * 2) continue;
        assert.equal(found.length, text.length, `bit ${at % 8} of ${at}`);
        if (format !== "zstd" && format !== "lz4") assert.equal(found, text, `byte ${at}`);
      } catch (error) {
        assert(error instanceof ExtractorFailure && error.code === "storage", String(error));
      }
    }
  });

  test(`compressed mails › ${format} with a wrong size in its name › is read if it has a checksum, else a failure`, () => {
    using maildir = new OneMail();
    // With a checksum the content is right whatever the name says; otherwise the size must match.
    const isChecked = format !== "zstd" && format !== "lz4";
    for (const said of [",S=1", ",S=145039"]) {
      if (isChecked) assert.equal(maildir.read(bytes, said).text, text);
      else refuses(format, () => maildir.read(bytes, said));
    }
    for (const said of [",S=-1", ",S=", ",S=x", ",S=99999999999999999999", ",S=145038x"]) {
      assert.deepEqual(maildir.read(bytes, said), { text, size: text.length });
    }
  });
}

test("compressed mails › concatenated streams › are one mail", () => {
  using maildir = new OneMail();
  for (const format of ["gz", "bz2", "zstd", "xz"] as const) {
    const bytes = compressed.get(format)!;
    const both = { text: text + text, size: 2 * text.length };
    assert.deepEqual(maildir.read(joined(bytes, bytes), `,S=${2 * text.length}`), both, format);
    assert.deepEqual(maildir.read(joined(bytes, bytes)), both, format);
    for (const cut of [1, 5, 20, bytes.length - 12]) {
      refuses(format, () => maildir.read(joined(bytes, bytes.subarray(0, bytes.length - cut))));
    }
  }
  // Also where the first one ends at a buffer's end.
  const bytes = compressed.get("xz")!;
  const many = Array.from({ length: 65_536 / bytes.length + 2 }, () => bytes);
  assert.equal(maildir.read(joined(...many)).size, many.length * text.length);
});

test("compressed mails › gz in pieces of all sizes › is read as the original", () => {
  using maildir = new OneMail();
  let random = 1;
  const noise = (length: number) =>
    Array.from({ length }, () => (random = random * 48271 % 2147483647).toString(36)).join("\n");
  for (const length of [0, 1, 1000, 2000, 3000, 20_000]) {
    const mail = `Subject: x\n\n${noise(length)}`;
    const bytes = gzipSync(encode(mail));
    assert.deepEqual(maildir.read(bytes), { text: mail, size: mail.length });
    assert.deepEqual(maildir.read(gzipSync(encode(mail), { level: 0 })), {
      ...{ text: mail, size: mail.length },
    });
  }
  // A header that continues after the first piece.
  const header = `X: ${noise(8000)}\n`.replaceAll("\n", "\n ").trimEnd() + "\n";
  using directory = new TemporaryMaildir();
  writeFileSync(join(directory.path, "cur/1:2,"), gzipSync(encode(`${header}\nbody`)));
  const opened = Maildir.open(directory.path);
  assert.equal(decode(opened.readHeader(opened.find("1"))), header);
});

test("compressed mails › zstd with a checksum › is compared with it", () => {
  using maildir = new OneMail();
  assert.deepEqual(maildir.read(zstdWithChecksum), { text, size: text.length });
  for (let at = 4; at < zstdWithChecksum.length; at += 9) {
    const wrong = zstdWithChecksum.slice();
    wrong[at] ^= 1 << at % 8;
    try {
      assert.equal(maildir.read(wrong).text, text);
    } catch (error) {
      assert(error instanceof ExtractorFailure && error.code === "storage", String(error));
    }
  }
});

/** A zstd frame of `blocks` blocks of 128 KiB of one byte, with a given window. */
function zstdOfZeros(blocks: number): Uint8Array {
  const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3);
  const size = 128 * 1024;
  const block = (isLast: boolean) => {
    const number = size << 3 | 1 << 1 | (isLast ? 1 : 0);
    return Uint8Array.of(number & 255, number >> 8 & 255, number >> 16, 0);
  };
  return joined(header, ...Array.from({ length: blocks }, (_, at) => block(at === blocks - 1)));
}

/** A container of lz4 with some chunks of 1 MiB of zeros. */
function lz4OfZeros(chunks: number): Uint8Array {
  const size = 1024 * 1024;
  const length = size - 1 - 4 - 15;
  const block = Uint8Array.of(0x1f, 0, 1, 0, ...Array(length / 255 | 0).fill(255), length % 255);
  const number = (value: number) =>
    Uint8Array.of(value >>> 24, value >> 16 & 255, value >> 8 & 255, value & 255);
  // The last bytes of a block are literals.
  const whole = joined(block.subarray(0, -1), Uint8Array.of(block.at(-1)! - 1, 0x10, 0));
  const chunk = joined(number(whole.length), whole);
  const magic = compressed.get("lz4")!.subarray(0, 15);
  return joined(magic, number(size), ...Array.from({ length: chunks }, () => chunk));
}

/** Mails of 2 MiB that are small when compressed. */
const bombs: readonly (readonly [Format, Uint8Array])[] = [
  ["gz", gzipSync(new Uint8Array(2 ** 21))],
  ["bz2", zeros.bz2],
  ["xz", zeros.xz],
  ["zstd", zstdOfZeros(16)],
  ["lz4", lz4OfZeros(2)],
];

test("compressed mails › larger than the limit › are a failure, and are listed", () => {
  for (const [format, bytes] of bombs) {
    using small = new OneMail({ maxUnpackedSize: 2 ** 21 - 1 });
    refuses(format, () => small.read(bytes), "limit");
    refuses(format, () => small.read(bytes, ",S=5"), "limit");
    using large = new OneMail({ maxUnpackedSize: 2 ** 21 });
    assert.equal(large.read(bytes).size, 2 ** 21, format);
    using directory = new TemporaryMaildir();
    writeFileSync(join(directory.path, "cur/1:2,"), bytes);
    const maildir = Maildir.open(directory.path, { maxUnpackedSize: 1000 });
    const [mail] = maildir.mails("");
    assert.equal(mail.size, 2 ** 21);
    assert(maildir.readHeader(mail).length <= 262_144);
    assert.equal(maildir.readStart(mail, 1000).length, 1000);
  }
  assert.throws(() => new OneMail({ maxUnpackedSize: NaN }).read(new Uint8Array()), /maxUnpacked/);
});

test("compressed mails › headers that ask for much memory › are a failure", () => {
  using maildir = new OneMail();
  const zstd = (...bytes: readonly number[]) => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...bytes);
  for (
    const bytes of [
      zstd(0, 0xff, 1, 0, 0),
      zstd(0xe0, 255, 255, 255, 255, 255, 255, 0, 0, 1, 0, 0),
      zstd(0xa0, 0, 0, 0, 0x10, 1, 0, 0),
      zstd(8, 0, 1, 0, 0),
      zstd(1, 0, 7, 1, 0, 0),
      zstd(0, 0, 7, 0, 0),
      joined(zstd(0, 0, 1, 0, 0), Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 255, 255, 255, 255)),
    ]
  ) refuses("zstd", () => maildir.read(bytes));
  const magic = compressed.get("lz4")!.subarray(0, 15);
  const lz4 = (...bytes: readonly number[]) => joined(magic, Uint8Array.from(bytes));
  for (
    const bytes of [
      lz4(0, 0, 0, 0),
      lz4(0x7f, 0, 0, 0),
      lz4(0xff, 255, 255, 255),
      lz4(0, 1, 0, 0, 0xff, 255, 255, 255),
      lz4(0, 1, 0, 0, 0, 0, 0, 0),
      // A copy from before the start, a zero offset, lengths without end.
      lz4(0, 1, 0, 0, 0, 0, 0, 5, 0x10, 65, 2, 0, 0),
      lz4(0, 1, 0, 0, 0, 0, 0, 5, 0x10, 65, 0, 0, 0),
      lz4(0, 1, 0, 0, 0, 0, 0, 3, 0xf0, 255, 255),
      lz4(0, 0, 0, 2, 0, 0, 0, 4, 0x30, 65, 65, 65),
    ]
  ) refuses("lz4", () => maildir.read(bytes));
  // A sparse file doesn't take time either.
  using directory = new TemporaryMaildir();
  const path = join(directory.path, "cur/1:2,");
  writeFileSync(path, zstd(0, 0));
  truncateSync(path, 2 ** 40);
  const opened = Maildir.open(directory.path);
  refuses("zstd", () => opened.read(opened.find("1")));
});

test("compressed mails › headers that take long › share a time limit, which others don't need", () => {
  using directory = new TemporaryMaildir();
  // Each frame declares a window of 128 MiB, which its block of one byte moves.
  const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x09, 0x00, 0x00, 0x61];
  const slow = Uint8Array.from({ length: 5000 * frame.length }, (_, at) => frame[at % 10]);
  for (const mid of ["1", "2"]) {
    // The size in the name saves unpacking to learn it.
    writeFileSync(join(directory.path, "cur", `${mid},S=9:2,`), slow);
  }
  writeFileSync(join(directory.path, "cur", "3:2,"), "Subject: x\n\n");
  writeFileSync(join(directory.path, "cur", "4:2,"), gzipSync("Subject: y\n\n"));
  const maildir = Maildir.open(directory.path);
  const budget = { milliseconds: 50 };
  const read = (mid: string) => maildir.readHeader(maildir.find(mid), budget);
  assert.equal(decode(read("4")), "Subject: y\n");
  assert.throws(() => read("1,S=9"), /takes longer than 0.0/);
  assert(budget.milliseconds <= 0);
  for (const mid of ["2,S=9", "4"]) assert.throws(() => read(mid), /others have taken the time/);
  assert.equal(decode(read("3")), "Subject: x\n");
});

test("compressed mails › a mail with only a format's first bytes › is read unchanged", () => {
  using maildir = new OneMail();
  for (
    const [format, start] of [
      ...[["gz", "\x1f\x8b"], ["bz2", "BZh91AY&SY"], ["xz", "\xfd7zXZ\0"]] as const,
      ...[["zstd", "\x28\xb5\x2f\xfd"], ["lz4", "Dovecot-LZ4\r*\x9b\xc5"]] as const,
    ]
  ) {
    const bytes = Uint8Array.from(`${start}: x\n\nbody`, (character) => character.charCodeAt(0));
    assert.equal(maildir.read(bytes, `,S=${bytes.length}`).text, decode(bytes));
    refuses(format, () => maildir.read(bytes));
    refuses(format, () => maildir.read(bytes, `,S=${bytes.length + 1}`));
    // A byte less than needed.
    const shorter = Uint8Array.from(start.slice(0, -1), (character) => character.charCodeAt(0));
    assert.equal(maildir.read(shorter).text, decode(shorter));
  }
});

test("compressed mails › their unpackers › are loaded on demand", () => {
  using directory = new TemporaryMaildir();
  for (const [format, bytes] of compressed) {
    writeFileSync(join(directory.path, "cur", `${format},S=${text.length}:2,`), bytes);
  }
  const program = fileURLToPath(new URL("./loading_process.ts", import.meta.url));
  const args = argumentsToRun(program);
  const output = execFileSync(execPath, [...args, directory.path], { encoding: "utf8" });
  const { before, subjects, after } = JSON.parse(output);
  const { length } = text;
  const refused = (format: string) => [
    "unsupported",
    `The mail is compressed as ${format}, which can't be unpacked yet. Await loadUnpackers() first.`,
  ];
  // The runtime or this package unpacks two of them.
  assert.deepEqual(before, [length, length, refused("bz2"), refused("zstd"), refused("xz")]);
  assert.deepEqual(subjects, Array(5).fill("Gepackt"));
  assert.deepEqual(after, Array(5).fill(length));
});

test("compressed mails › a directory in place of one › isn't listed", () => {
  using directory = new TemporaryMaildir();
  mkdirSync(join(directory.path, "cur/1.host:2,"));
  assert.equal(Maildir.open(directory.path).count("").count, 0);
});
