import assert from "node:assert/strict";
import { test } from "node:test";
import { DamagedData, Source } from "../../../../extractor/maildir/compression/unpacker.ts";
import { loadZstd } from "../../../../extractor/maildir/compression/zstd.ts";
import type { OpenFile } from "../../../../extractor/maildir/mail_file.ts";

test("zstd › few bytes that take long › end within the time limit", async () => {
  // Each frame declares a window of 128 MiB, which its block of one byte moves.
  const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x09, 0x00, 0x00, 0x0a];
  const bytes = Uint8Array.from({ length: 500 * frame.length }, (_, at) => frame[at % 10]);
  const file = {
    size: bytes.length,
    fill(target: Uint8Array, position: number) {
      const piece = bytes.subarray(position, position + target.length);
      target.set(piece);
      return piece.length;
    },
  };
  const { unpack } = await loadZstd();
  const start = performance.now();
  const sink = { room: 1e9, write: () => true, overflow: () => {} };
  assert.throws(
    () => unpack(new Source(file as unknown as OpenFile, 100), sink),
    (error) => error instanceof DamagedData && /longer than 0.1 s/.test(error.message),
  );
  assert(performance.now() - start < 5_000);
});
