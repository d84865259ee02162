/**
 * Random messages of the extractor, generated from their schemas.
 *
 * @module
 */

import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

/** Options for random messages. */
export interface AnyMessageOptions {
  /** Only what version 1 can express: whole seconds, numbers up to 2^53, heads set. */
  readonly plain?: boolean;
  /** How deep messages may be nested. */
  readonly depth?: number;
}

type Values = Record<string, unknown>;

/** Random messages of a type; none of them is a failure. */
export function anyMessage(
  schema: DescMessage,
  options: AnyMessageOptions = {},
): fc.Arbitrary<Message> {
  return anyInit(schema, options).map((init) => create(schema, init));
}

function anyInit(schema: DescMessage, options: AnyMessageOptions): fc.Arbitrary<Values> {
  if (schema.typeName === TimestampSchema.typeName) {
    return fc.record({
      seconds: fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
      nanos: options.plain ? fc.constant(0) : fc.integer({ min: 0, max: 999_999_999 }),
    });
  }
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const member of schema.members) {
    if (member.kind === "oneof") {
      fields[member.localName] = fc.oneof(
        fc.constant({ case: undefined }),
        ...member.fields.filter((field) => field.fieldKind !== "message" || depthOf(options) > 0)
          .map((field) =>
            anyValue(field, options).map((value) => ({ case: field.localName, value }))
          ),
      );
    } else if (member.localName !== "failure") {
      const value = anyValue(member, options);
      const isOptional = member.fieldKind === "message" &&
        !(options.plain && ["head", "part"].includes(member.localName));
      if (isOptional && depthOf(options) === 0) continue;
      fields[member.localName] = isOptional ? fc.option(value, { nil: undefined }) : value;
    }
  }
  return fc.record(fields);
}

function anyValue(field: DescField, options: AnyMessageOptions): fc.Arbitrary<unknown> {
  const inside = { ...options, depth: depthOf(options) - 1 };
  switch (field.fieldKind) {
    case "scalar":
      return anyScalar(field.scalar, options);
    case "message":
      return fc.constant(null).chain(() => anyInit(field.message, inside));
    case "list": {
      const { listKind } = field;
      if (listKind === "scalar") {
        return fc.array(anyScalar(field.scalar, options), { maxLength: 3 });
      }
      if (listKind !== "message") break;
      if (depthOf(options) <= 0) return fc.constant([]);
      return fc.array(fc.constant(null).chain(() => anyInit(field.message, inside)), {
        maxLength: 3,
      });
    }
  }
  throw new Error(`There are no random values yet for ${field}.`);
}

function anyScalar(type: ScalarType, { plain }: AnyMessageOptions): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.string({ unit: "binary", maxLength: 8 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 40 });
    case ScalarType.UINT32:
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: plain ? BigInt(Number.MAX_SAFE_INTEGER) : 2n ** 64n - 1n });
  }
  throw new Error(`There are no random values yet for ${ScalarType[type]}.`);
}

function depthOf({ depth = 5 }: AnyMessageOptions): number {
  return depth;
}
