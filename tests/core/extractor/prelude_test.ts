import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeCredentials,
  encodeCredentials,
  maxPreludeSize,
} from "../../../core/extractor/mod.ts";
import { encodeUtf8, LocalProtocolError, RemoteProtocolError } from "../../../core/mod.ts";
import { bytes, thrown } from "./dialogue.ts";

test("encodeCredentials › user, password, challenge › each with a NUL after it", () => {
  const given = { user: "joe@example.org", password: "s3cret", challenge: "<1.2@host>" };
  assert.deepEqual(encodeCredentials(given), bytes("joe@example.org\0s3cret\0<1.2@host>\0"));
  assert.deepEqual(encodeCredentials({ user: "", password: "" }), bytes(0, 0, 0));
});

test("decodeCredentials › encoded credentials › the same values", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 30 }).filter((text) =>
    !text.includes("\0")
  );
  fc.assert(
    fc.property(text, text, text, (user, password, challenge) => {
      fc.pre(encodeUtf8(user + password + challenge).length <= 509);
      const given = { user, password, challenge };
      assert.deepEqual(decodeCredentials(encodeCredentials(given)), given);
    }),
    { seed: 1 },
  );
});

test("credentials › 512 and 513 bytes › accepted, refused", () => {
  const most = { user: "é".repeat(4), password: "x".repeat(maxPreludeSize - 8 - 3) };
  assert.equal(encodeCredentials(most).length, 512);
  assert.equal(decodeCredentials(encodeCredentials(most)).password, most.password);
  const more = { ...most, password: `${most.password}x` };
  assert.throws(() => encodeCredentials(more), /513 bytes .* 512 are allowed/);
  assert.throws(() => decodeCredentials(new Uint8Array(513)), { limit: "maxPreludeSize" });
});

test("credentials › invalid ones › errors don't contain the password", () => {
  const password = "s3cr\0et";
  for (
    const given of [
      { user: "joe", password },
      { user: "joe", password: "s3cret\ud800" },
      { user: "joe", password: "s3cret".repeat(100) },
      { user: "j\0e", password: "s3cret" },
      { user: 1 as unknown as string, password: "s3cret" },
      { user: "joe", password: ["s3cret"] as unknown as string },
      { user: "joe", password: "s3cret", challenge: "\0" },
    ]
  ) {
    const error = thrown(() => encodeCredentials(given));
    assert(error instanceof LocalProtocolError, String(error));
    assert(!/s3cr/.test(inspect(error)), inspect(error));
  }
  for (const given of ["joe", "joe\0s3cret", "joe\0s3cret\0", bytes("joe\0s3cret", 255, 0, 0)]) {
    const error = thrown(() => decodeCredentials(bytes(given)));
    assert(error instanceof RemoteProtocolError, String(error));
    assert(!/s3cr/.test(inspect(error)), inspect(error));
  }
});

test("decodeCredentials › bytes after the third NUL › skipped", () => {
  assert.deepEqual(decodeCredentials(bytes("joe\0x\0\0more", 255)), {
    user: "joe",
    password: "x",
    challenge: "",
  });
});
