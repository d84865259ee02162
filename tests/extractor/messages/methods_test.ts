import {
  create,
  type DescMessage,
  equals,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, encodeUtf8 } from "../../../core/bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../../../core/errors.ts";
import {
  AuthResponseSchema,
  ExtractorService,
  type MimePartSchema,
} from "../../../extractor/messages/extractor/extractor_pb.ts";
import { ExtractorFailure } from "../../../extractor/messages/failure.ts";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type ExtractorMethod,
  extractorMethods,
  failureIn,
  failureResponse,
  isExtractorMethod,
} from "../../../extractor/messages/methods.ts";
import { anyMessage } from "./any_messages.ts";

const names = Object.keys(extractorMethods) as ExtractorMethod[];

/** Unknown fields: a number, bytes, an embedded message and a fixed-size number. */
const unknown = new BinaryWriter()
  .tag(1000, WireType.Varint).uint64(2n ** 64n - 1n)
  .tag(1001, WireType.LengthDelimited).bytes(Uint8Array.of(0, 255, 10))
  .tag(1002, WireType.LengthDelimited).bytes(Uint8Array.of(8, 1))
  .tag(1003, WireType.Bit32).fixed32(7)
  .finish();

test("extractor messages › methods › those of the service, with their names on the wire", () => {
  assert.equal(names.length, 11);
  const rpcs = ExtractorService.methods.map(({ name, input, output }) => {
    const wire = name.replaceAll(/(?<=.)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
    return [wire, { request: input, response: output }];
  });
  assert.deepEqual(Object.entries(extractorMethods).map(([name]) => name), rpcs.map(([it]) => it));
  for (const [name, { request, response }] of rpcs as [ExtractorMethod, never][]) {
    assert.equal(extractorMethods[name].request, request, name);
    assert.equal(extractorMethods[name].response, response, name);
  }
  for (const name of names) assert(isExtractorMethod(name));
  for (const name of ["", "List", "readMail", "toString", "constructor", "__proto__"]) {
    assert(!isExtractorMethod(name), name);
  }
});

test("extractor messages › each response › the failure is field 15", () => {
  for (const name of names) {
    const { failure } = extractorMethods[name].response.field as Record<string, { number: number }>;
    assert.equal(failure.number, 15, name);
    const { fields } = extractorMethods[name].request;
    assert(fields.every(({ number }) => number < 15), name);
  }
});

for (const name of names) {
  const { request, response }: { request: DescMessage; response: DescMessage } =
    extractorMethods[name];

  test(`extractor messages › ${name}, encoded and decoded › unchanged`, () => {
    fc.assert(fc.property(anyMessage(request), (message) => {
      const decoded = decodeRequest(name, encodeRequest(name, message as never));
      assert(equals(request, decoded, message));
    }));
    fc.assert(fc.property(anyMessage(response), (message) => {
      const decoded = decodeResponse(name, encodeResponse(name, message as never));
      assert(equals(response, decoded, message));
    }));
  });

  test(`extractor messages › ${name}, unknown fields › kept in a round trip`, () => {
    for (
      const [schema, decode, encode] of [
        [request, decodeRequest, encodeRequest],
        [response, decodeResponse, encodeResponse],
      ] as const
    ) {
      fc.assert(
        fc.property(anyMessage(schema), anyMessage(schema), (message, changed) => {
          const bytes = concat([toBinary(schema, message), unknown]);
          const decoded = decode(name, bytes);
          // Changed and encoded: the new values, and the unknown fields of the old ones.
          const { $unknown } = decoded;
          assert.equal($unknown?.length, 4);
          assert.equal(decode(name, bytes, { readUnknownFields: false }).$unknown, undefined);
          const merged = decoded as Record<string, unknown>;
          for (const { localName } of schema.members) delete merged[localName];
          Object.assign(merged, changed);
          const again = decode(name, encode(name, merged as never));
          assert.deepEqual(again.$unknown, $unknown);
          assert.deepEqual({ ...again, $unknown: undefined }, { ...changed, $unknown: undefined });
          assert.deepEqual(encode(name, again as never), encode(name, merged as never));
        }),
        { numRuns: 30 },
      );
    }
  });

  test(`extractor messages › ${name}, random bytes › a message or a RemoteProtocolError`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        refuses(() => decodeRequest(name, bytes), ExtractorFailure);
        refuses(() => decodeResponse(name, bytes), RemoteProtocolError, ExtractorFailure);
        refuses(() => failureIn(bytes), RemoteProtocolError);
      }),
      { numRuns: 300 },
    );
    fc.assert(fc.property(anyMessage(response), fc.nat(), (message, at) => {
      const bytes = encodeResponse(name, message as never);
      const cut = bytes.subarray(0, at % (bytes.length + 1));
      refuses(() => decodeResponse(name, cut), RemoteProtocolError);
    }));
  });

  test(`extractor messages › ${name}, a failure as response › thrown`, () => {
    const failure = new ExtractorFailure("not-found", "There is no mail \u{1f4ee}.");
    assert.throws(() => decodeResponse(name, failureResponse(failure)), {
      name: "ExtractorFailure",
      code: "not-found",
      message: failure.message,
      sent: true,
    });
    const { message, code } = failure;
    const bytes = encodeResponse(name, { failure: { message, code } } as never);
    assert.deepEqual(bytes, failureResponse(failure));
  });
}

test("failureIn › any response › only a failure is found", () => {
  const found = failureIn(failureResponse(new ExtractorFailure("unsupported", "No such thing.")));
  assert(found instanceof ExtractorFailure);
  assert.deepEqual([found.code, found.message], ["unsupported", "No such thing."]);
  for (const name of names) assert.equal(failureIn(encodeResponse(name, {})), undefined);
  const large = encodeResponse("raw", { data: new Uint8Array(100_000), size: 5n });
  assert.equal(failureIn(large), undefined);
  // Missing fields get a default.
  const bare = failureIn(toBinary(AuthResponseSchema, create(AuthResponseSchema, { failure: {} })));
  assert.deepEqual([bare?.code, bare?.message], ["internal", "The extractor gave no reason."]);
  assert.throws(() => failureIn(Uint8Array.of(255)), RemoteProtocolError);
});

test("failureResponse › half a surrogate pair › becomes U+FFFD", () => {
  const bytes = failureResponse(new ExtractorFailure("limit\ud800", "Too much: \udc00."));
  assert.equal(failureIn(bytes)?.message, "Too much: \ufffd.");
  assert.equal(failureIn(bytes)?.code, "limit\ufffd");
});

test("extractor messages › a response written by hand › the same bytes", () => {
  const bytes = [10, 4, ...encodeUtf8("Sent"), 10, 1, ...encodeUtf8("A")];
  assert.deepEqual(encodeResponse("folders", { folders: ["Sent", "A"] }), Uint8Array.from(bytes));
  assert.deepEqual(
    failureResponse(new ExtractorFailure("limit", "No.")),
    Uint8Array.from([122, 12, 10, 5, ...encodeUtf8("limit"), 18, 3, ...encodeUtf8("No.")]),
  );
  assert.deepEqual(encodeRequest("auth", {}), new Uint8Array(0));
  assert.deepEqual(encodeRequest("list", { start: 0, end: 300 }), Uint8Array.of(16, 172, 2));
});

test("extractor messages › an invalid field value › error that names the field", () => {
  for (
    const [make, said] of [
      [() => encodeRequest("list", { end: -1 }), /request "list".*end/],
      [() => encodeRequest("list", { end: 2 ** 32 }), /request "list".*end/],
      [() => encodeRequest("list", { end: 0.5 }), /request "list".*end/],
      [() => encodeRequest("raw", { length: -1n }), /request "raw".*length/],
      [() => encodeResponse("count", { size: 2n ** 64n }), /response to "count".*size/],
    ] as const
  ) {
    assert.throws(make, (error) => {
      assert(error instanceof LocalProtocolError, String(error));
      assert.match(error.message, said);
      return true;
    });
  }
});

test('extractor messages › bytes that are no message › "invalid" for a request, RemoteProtocolError for a response', () => {
  const bytes = Uint8Array.of(10, 200);
  assert.throws(() => decodeRequest("count", bytes), {
    name: "ExtractorFailure",
    code: "invalid",
    message: /^The request "count" can't be decoded: .*[^.]\.$/,
  });
  assert.throws(() => decodeResponse("folders", bytes), {
    name: "RemoteProtocolError",
    message: /^The extractor's answer is no response to "folders": .*[^.]\.$/,
    sent: true,
  });
  // A text that isn't UTF-8.
  assert.throws(() => decodeResponse("folders", Uint8Array.of(10, 1, 255)), RemoteProtocolError);
});

test("extractor messages › mails nested 100 and 100,000 deep › accepted, refused", () => {
  const nested = (levels: number): MessageInitShape<typeof MimePartSchema> => {
    let part: MessageInitShape<typeof MimePartSchema> = { content: { case: "text", value: "Hi" } };
    for (let level = 0; level < levels; level++) {
      const parts: MessageInitShape<typeof MimePartSchema>[] = [part];
      part = level % 2 === 0
        ? { content: { case: "multipart", value: { parts } } }
        : { content: { case: "mail", value: { body: part } } };
    }
    return part;
  };
  for (const levels of [100, 400]) {
    const bytes = encodeResponse("read-mail", { body: nested(levels) });
    const response = decodeResponse("read-mail", bytes);
    assert.deepEqual(encodeResponse("read-mail", response), bytes);
  }
  // Written by hand: 100,000 nested parts.
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let level = 0; level < 100_000; level++) {
    const tag = new BinaryWriter().uint32(level % 2 === 0 ? 74 : 10).uint32(size).finish();
    pieces.push(tag);
    size += tag.length;
  }
  const bytes = concat([new BinaryWriter().uint32(18).uint32(size).finish(), ...pieces.reverse()]);
  const reader = new BinaryReader(bytes);
  assert.deepEqual([reader.tag()[0], reader.uint32()], [2, size]);
  assert.throws(() => decodeResponse("read-mail", bytes), RemoteProtocolError);
  assert.equal(failureIn(bytes), undefined);
});

test("extractor messages › a field of bytes › a view of the received bytes", () => {
  const bytes = encodeRequest("add", { data: new Uint8Array(10_000) });
  assert.equal(decodeRequest("add", bytes).data.buffer, bytes.buffer);
});

test("extractor messages › fields of a newer version › ignored", () => {
  // It reads only the fields that it knows, whatever follows them.
  const bytes = concat([encodeResponse("add", { mid: "1" }), unknown]);
  const known = fromBinary(extractorMethods.add.response, bytes, { readUnknownFields: false });
  assert.equal(known.mid, "1");
  assert.equal(known.$unknown, undefined);
});

/** Calls a function that may throw an error of these classes; any other error fails the test. */
function refuses(
  call: () => unknown,
  ...kinds: readonly { new (...args: never[]): Error }[]
): void {
  try {
    call();
  } catch (error) {
    if (!kinds.some((kind) => error instanceof kind)) throw error;
  }
}
