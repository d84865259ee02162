import { create, type DescMessage, equals } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeUtf8, encodeUtf8 } from "../../../core/bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../../../core/errors.ts";
import type { PartResponse } from "../../../extractor/messages/extractor/extractor_pb.ts";
import { ExtractorFailure } from "../../../extractor/messages/failure.ts";
import { type ExtractorMethod, extractorMethods } from "../../../extractor/messages/methods.ts";
import {
  decodeArguments,
  decodeJson,
  encodeArguments,
  encodeJson,
  jsonFailure,
} from "../../../extractor/messages/version1.ts";
import { anyMessage } from "./any_messages.ts";
import { names, none, requests, responses } from "./version1_samples.ts";

for (const name of names) {
  const schemas: { request: DescMessage; response: DescMessage } = extractorMethods[name];

  test(`version 1 arguments › ${name}, written by hand › are encoded and decoded`, () => {
    assert(requests[name].length > 0);
    for (const [init, args] of requests[name]) {
      assert.deepEqual(encodeArguments(name, init as never), { args, input: none });
      const request = create(schemas.request, init as never);
      assert.deepEqual(decodeArguments(name, args), request);
    }
  });

  test(`version 1 JSON › ${name}, written by hand › encoded and decoded`, () => {
    assert(responses[name].length > 0);
    for (const [init, json] of responses[name]) {
      const encoded = encodeJson(name, init as never);
      assert.deepEqual(JSON.parse(decodeUtf8(encoded.header)), json);
      assert.equal(encoded.header.indexOf(10), -1, "it is one line");
      assert.deepEqual(encoded.binary, "data" in init ? init.data : none);
      assert.deepEqual(decodeJson(name, encoded), create(schemas.response, init as never));
    }
  });

  test(`version 1 › ${name}, random messages › unchanged after a round trip`, () => {
    const plain = { plain: true };
    fc.assert(fc.property(anyMessage(schemas.request, plain), (message) => {
      if (JSON.stringify(message, (_, it) => typeof it === "bigint" ? 0 : it).includes("\\u0000")) {
        assert.throws(() => encodeArguments(name, message as never), LocalProtocolError);
        return;
      }
      const { args, input } = encodeArguments(name, message as never);
      assert(equals(schemas.request, decodeArguments(name, args, input), message));
    }));
    fc.assert(fc.property(anyMessage(schemas.response, plain), (message) => {
      // The response describes the part without its content.
      if (name === "part") (message as PartResponse).part!.content = { case: undefined };
      const encoded = encodeJson(name, message as never);
      assert(equals(schemas.response, decodeJson(name, encoded), message));
    }));
  });

  test(`version 1 JSON › ${name}, a failure › thrown`, () => {
    const failure = new ExtractorFailure("limit", "Too much:\nask for less.");
    const encoded = jsonFailure(failure);
    assert.deepEqual(JSON.parse(decodeUtf8(encoded.header)), {
      error: failure.message,
      code: "limit",
    });
    const { message, code } = failure;
    assert.deepEqual(encodeJson(name, { failure: { message, code } } as never), encoded);
    const thrown = { name: "ExtractorFailure", message, code };
    assert.throws(() => decodeJson(name, encoded), thrown);
    const bare = { header: encodeUtf8('{"error": ""}'), binary: none };
    assert.throws(() => decodeJson(name, bare), { name: "ExtractorFailure", code: "internal" });
  });

  test(`version 1 JSON › ${name}, any JSON › a response or a RemoteProtocolError`, () => {
    fc.assert(fc.property(fc.json(), fc.uint8Array({ maxLength: 3 }), (json, binary) => {
      try {
        decodeJson(name, { header: encodeUtf8(json), binary });
      } catch (error) {
        assert(error instanceof RemoteProtocolError, String(error));
      }
    }));
    for (const header of ["", "{", "null x", "\x00", '{"a":1}{}', "\xff"]) {
      assert.throws(() => decodeJson(name, { header: encodeUtf8(header), binary: none }), {
        name: "RemoteProtocolError",
        message: new RegExp(`^The extractor's answer is no response to "${name}": .*[^.]\\.$`),
      });
    }
  });

  test(`version 1 arguments › ${name}, any arguments › a request or "invalid"`, () => {
    const value = fc.oneof(fc.string(), fc.constantFrom("0", "7", "true", "", "-1", "1e3", "١"));
    fc.assert(fc.property(fc.array(value, { maxLength: 6 }), (args) => {
      try {
        const request = decodeArguments(name, args);
        const again = encodeArguments(name, request as never).args;
        assert.deepEqual(decodeArguments(name, again), request);
      } catch (error) {
        if (error instanceof LocalProtocolError) assert(args.join().includes("\0"));
        else assert(error instanceof ExtractorFailure && error.code === "invalid", String(error));
      }
    }));
  });
}

test("version 1 › the mail to add › the input's bytes", () => {
  const data = Uint8Array.of(0, 13, 10, 255);
  const { args, input } = encodeArguments("add", { folder: "Sent", data });
  assert.deepEqual([args, input], [["Sent"], data]);
  assert.deepEqual(decodeArguments("add", args, input).data, data);
  // Other methods ignore the input.
  assert.deepEqual(decodeArguments("count", [""], data).folder, "");
});

test('version 1 arguments › missing, wrong or too many › "invalid" with the reason', () => {
  const wrong: readonly (readonly [ExtractorMethod, readonly string[], RegExp])[] = [
    ["list", [], /"list" are: start end sort-by folder\. There are 0\./],
    ["list", ["0", "50", "date"], /There are 3\./],
    ["list", ["0", "50", "date", "", ""], /There are 5\./],
    ["auth", [""], /"auth" are: none\. There are 1\./],
    ["count", [], /"count" are: folder\./],
    ["raw", [], /"raw" are: mid \[offset\] \[length\]\./],
    ["raw", ["a", "0", "1", "2"], /There are 4\./],
    [
      "list",
      ["", "50", "", ""],
      /start of "list" is "" and must be a number from 0 to 4294967295/,
    ],
    ["list", ["0", "fifty", "", ""], /end of "list" is "fifty"/],
    ["list", ["0", "4294967296", "", ""], /end of "list" is "4294967296"/],
    ["list", ["-1", "50", "", ""], /start/],
    ["list", [" 1", "50", "", ""], /start/],
    ["list", ["1.0", "50", "", ""], /start/],
    ["list", ["0x1", "50", "", ""], /start/],
    ["raw", ["a", "18446744073709551616"], /offset/],
    ["raw", ["a", "9".repeat(1_000_000)], /offset of "raw" is "9{100}" /],
    [
      "read-mail",
      ["a", "yes"],
      /mark-seen of "read-mail" is "yes" and must be "true" or "false"/,
    ],
    ["read-mail", ["a", ""], /mark-seen/],
    ["add", ["", "true", "today"], /date-received of "add" is "today"/],
  ];
  for (const [method, args, said] of wrong) {
    assert.throws(() => decodeArguments(method, args), (error) => {
      assert(error instanceof ExtractorFailure, String(error));
      assert.equal(error.code, "invalid");
      assert.match(error.message, said);
      return true;
    });
  }
});

test("version 1 › values that it can't express › LocalProtocolError", () => {
  const wrong: readonly (readonly [() => unknown, RegExp])[] = [
    [() => encodeArguments("move", { mid: "a\0b" }), /"move": mid has a NUL/],
    [() => encodeArguments("list", { end: -1 }), /"list": .*end/],
    [() => encodeArguments("list", { start: 0.5 }), /"list": .*start/],
    [() => encodeArguments("list", { start: NaN }), /"list": .*start/],
    [() => encodeArguments("raw", { offset: 2n ** 64n }), /"raw": .*offset/],
    [
      () => encodeArguments("add", { dateReceived: { seconds: 253_402_300_800n } }),
      /"add": .*years/,
    ],
    [() => encodeArguments("add", { dateReceived: { seconds: 2n ** 60n } }), /"add": /],
    [() => encodeJson("raw", { size: 2n ** 53n }), /"raw" as JSON: 9007199254740992 is too large/],
    [() => encodeJson("list", { mails: [{ dateSent: { seconds: 2n ** 60n } }] }), /"list"/],
  ];
  for (const [call, said] of wrong) {
    assert.throws(call, (error) => {
      assert(error instanceof LocalProtocolError, String(error));
      assert.match(error.message, said);
      return true;
    });
  }
});

test("version 1 › half a surrogate pair › becomes U+FFFD", () => {
  assert.deepEqual(encodeArguments("move", { mid: "a\ud800" }).args, ["a\ufffd", ""]);
  const encoded = encodeJson("folders", { folders: ["\udc00"] });
  assert.deepEqual(decodeJson("folders", encoded).folders, ["\ufffd"]);
});
