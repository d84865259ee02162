import assert from "node:assert/strict";
import { test } from "node:test";
import { fromByteString, toByteString } from "../../../core/byte_string.ts";
import { parseMessage } from "../../../testing/dovecot_message/message.ts";
import {
  decodeBody,
  transferEncodingOf,
} from "../../../testing/dovecot_message/transfer_encoding.ts";

test("transfer encodings › headers › the encoding's name", () => {
  for (
    const [header, expected] of [
      ["", "identity"],
      ["Content-Transfer-Encoding: 8BIT\n", "identity"],
      ["content-transfer-encoding:BASE64\n", "base64"],
      ["Content-Transfer-Encoding: (c) quoted-printable (c)\n", "quoted-printable"],
      ["Content-Transfer-Encoding: base64; x=y\n", "base64"],
      ["Content-Transfer-Encoding: base64 x\n", "unknown"],
      ["Content-Transfer-Encoding:\n", "unknown"],
      ["Content-Transfer-Encoding: uuencode\n", "unknown"],
      ["Content-Transfer-Encoding: x\nContent-Transfer-Encoding: base64\n", "base64"],
    ]
  ) {
    const { fields } = parseMessage(fromByteString(header));
    assert.equal(transferEncodingOf(fields), expected, header);
  }
});

test("transfer encodings › valid and broken bodies › decoded, fault reported", () => {
  for (
    const [encoding, body, expected, fault] of [
      ["identity", "a=41\n", "a=41\n", undefined],
      ["unknown", "a", "", "invalid"],
      ["base64", "QU JD\r\nRA = =\n", "ABCD", undefined],
      ["base64", "QUJD!RA==", "ABC", "invalid"],
      ["base64", "QUI", "AB", "cut"],
      ["base64", "QQ=", "A", "cut"],
      ["base64", "QQ==QQ", "A", "invalid"],
      ["base64", "=", "", "invalid"],
      ["quoted-printable", "a=41=c3=A4 b", "aA\xc3\xa4 b", undefined],
      ["quoted-printable", "a \t\nb=\nc= \r\nd\r\n", "a\r\nbcd\r\n", undefined],
      ["quoted-printable", "a  ", "a", undefined],
      ["quoted-printable", "a=zz=\n", "a=zz", "invalid"],
      ["quoted-printable", "a\rb\r\r\n", "a\rb\r\r\n", "invalid"],
      ["quoted-printable", `a${" ".repeat(90)}b`, `a${" ".repeat(77)}b`, "invalid"],
      ["quoted-printable", "a=4", "a", "cut"],
      ["quoted-printable", "a=\t", "a", "cut"],
      ["quoted-printable", "a\r", "a", "cut"],
    ] as const
  ) {
    const decoded = decodeBody(fromByteString(body), encoding);
    assert.equal(toByteString(decoded.bytes), expected, body);
    assert.equal(decoded.fault, fault, body);
  }
});
