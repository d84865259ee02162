import assert from "node:assert/strict";
import { test } from "node:test";
import { RemoteProtocolError } from "../../../mod.ts";
import {
  ListRoom,
  readValue as readValueIn,
  type ValueOptions,
} from "../../../doveadm/client/values.ts";
import { wallClockTime } from "../../../doveadm/client/wall_clock.ts";
import type { ColumnInfo } from "../../../core/doveadm/catalogue/mod.ts";

const column = (info: Omit<ColumnInfo, "key">): ColumnInfo => ({ key: "x", ...info });
const readValue = (
  info: ColumnInfo,
  value: Parameters<typeof readValueIn>[1],
  options?: ValueOptions,
) => readValueIn(info, value, new ListRoom(10), options);
const bytes = (text: string) => new TextEncoder().encode(text);

test("values › each type, from bytes and from JSON › the value", () => {
  for (
    const [info, text, expected] of [
      [{ type: "string" }, "a b", "a b"],
      [{ type: "string" }, "", ""],
      [{ type: "string", null: [""] }, "", null],
      [{ type: "bytes" }, "aé", bytes("aé")],
      [{ type: "number" }, "0", 0],
      [{ type: "number" }, "-12", -12],
      [{ type: "number" }, "50.33", 50.33],
      [{ type: "number" }, "9007199254740991", Number.MAX_SAFE_INTEGER],
      [{ type: "number", null: ["-", "error"] }, "-", null],
      [{ type: "bigint" }, "18446744073709551615", 18446744073709551615n],
      [{ type: "boolean", format: "yes" }, "yes", true],
      [{ type: "boolean", format: "yes" }, "no", false],
      [{ type: "date", format: "unix" }, "1767612600", new Date("2026-01-05T11:30:00Z")],
      [{ type: "date", format: "unix", null: ["0"] }, "0", null],
      [{ type: "strings", format: "spaces" }, "\\Seen  $Forwarded", ["\\Seen", "$Forwarded"]],
      [{ type: "strings", format: "spaces" }, "", []],
      [{ type: "strings", format: "parentheses" }, "(::1 10.0.0.1)", ["::1", "10.0.0.1"]],
      [{ type: "numbers", format: "parentheses" }, "(7 8)", [7, 8]],
      [{ type: "numbers", format: "parentheses" }, "()", []],
      [{ type: "strings", format: "commas" }, "a,b", ["a", "b"]],
    ] as const
  ) {
    assert.deepEqual(readValue(column(info), bytes(text)), expected, `${info.type} ${text}`);
    assert.deepEqual(readValue(column(info), text), expected, `${info.type} ${text} in JSON`);
  }
  assert.equal(readValue(column({ type: "number" }), 50.33), 50.33);
  assert.equal(readValue(column({ type: "string", null: [""] }), null), null);
  assert.throws(() => readValue(column({ type: "string" }), null), RemoteProtocolError);
  const raw = new Uint8Array([0xff, 0, 0x41]);
  assert.deepEqual(readValue(column({ type: "bytes" }), raw), raw);
  assert.equal(readValue(column({ type: "string" }), raw), "\u{fffd}\0A");
});

test("values › unreadable ones › an error with the field and advice", () => {
  for (
    const [info, text] of [
      [{ type: "number" }, "many"],
      [{ type: "number" }, ""],
      [{ type: "number" }, "0x10"],
      [{ type: "number" }, "9007199254740993"],
      [{ type: "bigint" }, "1.5"],
      [{ type: "bigint" }, "9".repeat(10_000_000)],
      [{ type: "date", format: "unix" }, "never"],
      [{ type: "date", format: "local" }, "Jan 05 11:30:00"],
      [{ type: "numbers", format: "parentheses" }, "(7 x)"],
    ] as const
  ) {
    assert.throws(() => readValue(column(info), bytes(text)), (error) => {
      assert(error instanceof RemoteProtocolError && error.sent);
      assert.match(error.message, /of "x" is not .* send\(\)/);
      return true;
    }, text);
  }
});

test("values › local times in a zone, summer and winter › the right moment", () => {
  for (
    const [text, zone, expected] of [
      ["2026-01-05 11:30:00", "UTC", "2026-01-05T11:30:00Z"],
      ["2026-01-05 11:30:00", "Europe/Berlin", "2026-01-05T10:30:00Z"],
      ["2026-07-05 11:30:00", "Europe/Berlin", "2026-07-05T09:30:00Z"],
      ["2026-07-05 00:30:00", "America/St_Johns", "2026-07-05T03:00:00Z"],
      ["2026-03-29 01:59:59", "Europe/Berlin", "2026-03-29T00:59:59Z"],
      ["2026-03-29 03:00:00", "Europe/Berlin", "2026-03-29T01:00:00Z"],
      ["2026-10-25 03:00:00", "Europe/Berlin", "2026-10-25T02:00:00Z"],
      ["1970-01-01 00:00:00", "Asia/Kolkata", "1969-12-31T18:30:00Z"],
    ] as const
  ) {
    assert.deepEqual(wallClockTime(text, zone), new Date(expected), `${text} ${zone}`);
  }
  const own = wallClockTime("2026-01-05 11:30:00");
  assert.deepEqual([own?.getHours(), own?.getMinutes()], [11, 30]);
  assert.equal(wallClockTime("2026-01-05T11:30:00Z", "UTC"), undefined);
  const local = column({ type: "date", format: "local" });
  assert.deepEqual(
    readValue(local, "2026-07-05 11:30:00", { timeZone: "Asia/Tokyo" }),
    new Date("2026-07-05T02:30:00Z"),
  );
});
