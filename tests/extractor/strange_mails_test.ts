import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openExtractor } from "../../extractor/client/extractor.ts";
import { Maildir, maildirHandler, serveExtractor } from "../../extractor/server/mod.ts";
import { memoryPair } from "../../transports/memory.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { strangeMails } from "./maildir/strange_mails.ts";
import { TemporaryMaildir } from "./maildir/temporary_maildir.ts";

/** The largest mail of this test, in bytes; the parser's own tests have larger ones. */
const largest = 1_000_000;

test("extractor › a folder of strange mails › all listed, read, searched and moved", () =>
  leavingNothing(async () => {
    using directory = new TemporaryMaildir("", ".Other");
    const mails = new Map<string, Uint8Array>();
    for (const { bytes } of strangeMails()) {
      if (bytes.length > largest) continue;
      const mid = `${1_767_614_400 + mails.size}.strange.host`;
      mails.set(mid, bytes);
      writeFileSync(join(directory.path, "new", mid), bytes);
    }
    assert(mails.size >= 200, `${mails.size} mails`);
    const [client, server] = memoryPair();
    const problems: unknown[] = [];
    const session = serveExtractor(server, maildirHandler(Maildir.open(directory.path)), {
      onError: (error) => problems.push(error),
    });
    {
      await using extractor = openExtractor({ transport: client });
      for (const sortBy of ["!date", "sender", "!subject"] as const) {
        const heads = await extractor.list({ start: 0, end: 1000, sortBy });
        assert.deepEqual(heads.map(({ mid }) => mid).sort(), [...mails.keys()]);
        for (const { mid, size } of heads) assert.equal(size, mails.get(mid)!.length, mid);
      }
      for (const [mid, bytes] of mails) {
        const { head, body } = await extractor.readMail(mid);
        assert.equal(head.mid, mid);
        assert.equal(body.path, "");
        assert.deepEqual(await extractor.raw(mid), bytes, mid);
        const { data } = await extractor.part(mid, body.parts?.[0]?.path ?? "");
        assert(data.length <= bytes.length, mid);
      }
      for (const pattern of ["[^\\x00-\\x7f]"]) {
        assert(Array.isArray(await extractor.search({ pattern })), pattern);
      }
      for (const mid of mails.keys()) await extractor.move(mid, "Other");
      assert.equal((await extractor.count("")).count, 0);
      assert.equal((await extractor.count("Other")).count, mails.size);
    }
    assert.equal(await session, 0);
    assert.deepEqual(problems, []);
  }));
