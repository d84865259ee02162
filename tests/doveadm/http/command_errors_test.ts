import assert from "node:assert/strict";
import { test } from "node:test";
import { quoteText } from "../../../core/mod.ts";
import { CommandError } from "../../../doveadm/client/command_error.ts";
import { commandError } from "../../../doveadm/http/command_errors.ts";
import { codeOfExit, exitCode, exitCodes } from "../../../core/doveadm/exit_codes.ts";

test("HTTP errors › each type › its code", () => {
  const cases: readonly [value: unknown, code: string, status: number, message: RegExp][] = [
    [
      { type: "exitCode", exitCode: 67 },
      "NOUSER",
      67,
      /no such user \(NOUSER\)\. HTTP returns no log/,
    ],
    [{ type: "exitCode", exitCode: 68 }, "NOTFOUND", 68, /isn't there/],
    [{ type: "exitCode", exitCode: -1 }, "UNKNOWN", -1, /see the code \(UNKNOWN\)/],
    [{ type: "exitCode", exitCode: 70 }, "UNKNOWN", 70, /see the code \(UNKNOWN\)/],
    [{ type: "unknownMethod", exitCode: 67 }, "", -1, /doesn't know the command\. Check the list/],
    [{ type: "unAuthorized", exitCode: 0 }, "NOPERM", 77, /doveadm_allowed_commands/],
    [{ type: "invalidRequest", exitCode: 0 }, "USAGE", 64, /A parameter has a name or a value/],
    [{ type: "internalError" }, "TEMPFAIL", 75, /another server has the user/],
    [{ type: "toString" }, "UNKNOWN", -1, /The server calls it "toString"/],
  ];
  for (const [value, code, status, message] of cases) {
    const error = commandError("mailbox list", value, quoteText);
    assert(error instanceof CommandError);
    assert.deepEqual(
      [error.command, error.code, error.exitCode, error.detail, error.sent],
      ["mailbox list", code, status, "", true],
    );
    assert.match(error.message, message);
    assert.deepEqual([error.log, error.reply.fields, error.reply.rawFields], [[], [], []]);
  }
});

test("HTTP errors › exit code 73 and others › only 73 means that the quota is full", () => {
  for (const command of ["save", "copy", "mailbox list"]) {
    const full = commandError(command, { type: "exitCode", exitCode: 73 }, quoteText);
    assert.deepEqual([full?.reason, full?.code, full?.exitCode], ["quota", "UNKNOWN", 73]);
    assert.match(full!.message, /the user's quota is full/);
    for (
      const value of [
        { type: "exitCode", exitCode: -1 },
        { type: "exitCode", exitCode: 75 },
        { type: "quota", exitCode: 73 },
        { type: "internalError" },
      ]
    ) {
      assert.equal(commandError(command, value, quoteText)?.reason, undefined);
    }
  }
});

test("HTTP errors › what is no error › undefined", () => {
  for (const value of [undefined, null, 5, "x", [], {}, { type: 5 }, { type: "exitCode" }]) {
    assert.equal(commandError("who", value, quoteText), undefined);
  }
});

test("exit codes › each code › maps to one name, and back", () => {
  for (const code of Object.keys(exitCodes)) assert.equal(codeOfExit(exitCode(code)), code);
  assert.equal(codeOfExit(1), "UNKNOWN");
});
