import assert from "node:assert/strict";
import { test } from "node:test";
import {
  extractorArguments,
  type ExtractorCommandLine,
  parseExtractorArguments,
} from "../../../core/extractor/mod.ts";
import { LocalProtocolError } from "../../../core/mod.ts";

const who = { maildir: "/var/mail", systemUser: "vmail", mailUser: "joe" };

test("extractor arguments › built and parsed › the same command line", () => {
  const cases: readonly (readonly [ExtractorCommandLine, string[]])[] = [
    [{ version: 3, ...who }, ["/var/mail", "vmail", "joe"]],
    [{ version: 2, ...who, method: "list", args: [] }, [
      ...["--protocol=2", "/var/mail", "vmail", "joe", "list"],
    ]],
    [{ version: 1, ...who, method: "folders", args: [] }, ["/var/mail", "vmail", "joe", "folders"]],
    [{ version: 1, ...who, method: "list", args: ["0", "10", "!date", ""] }, [
      ...["/var/mail", "vmail", "joe", "list", "0", "10", "!date", ""],
    ]],
    // A method's argument may look like an option, and so may a folder.
    [{ version: 1, ...who, method: "search", args: ["--protocol=3", "--"] }, [
      ...["/var/mail", "vmail", "joe", "search", "--protocol=3", "--"],
    ]],
    [{ version: 3, ...who, maildir: "--protocol=1" }, ["--", "--protocol=1", "vmail", "joe"]],
    [{ version: 2, ...who, maildir: "-", method: "auth", args: [] }, [
      ...["--protocol=2", "--", "-", "vmail", "joe", "auth"],
    ]],
  ];
  for (const [commandLine, argv] of cases) {
    assert.deepEqual(extractorArguments(commandLine), argv);
    assert.deepEqual(parseExtractorArguments(argv), commandLine);
  }
});

test("parseExtractorArguments › an option for the default version › accepted", () => {
  assert.equal(parseExtractorArguments(["--protocol=3", "/m", "u", "joe"]).version, 3);
  assert.equal(parseExtractorArguments(["--protocol=1", "/m", "u", "joe", "auth"]).version, 1);
});

test("parseExtractorArguments › invalid arguments › error with the usage", () => {
  for (
    const argv of [
      [],
      ["/m", "u"],
      ["--protocol=4", "/m", "u", "joe"],
      ["--protocol", "3", "/m", "u", "joe"],
      ["--protocol=3", "/m", "u", "joe", "auth"],
      ["--protocol=2", "/m", "u", "joe"],
      ["--protocol=2", "/m", "u", "joe", "list", "0"],
      ["--help", "/m", "u", "joe"],
      ["", "u", "joe"],
      ["/m", "", "joe"],
    ]
  ) {
    assert.throws(() => parseExtractorArguments(argv), LocalProtocolError);
    assert.throws(() => parseExtractorArguments(argv), /\[--protocol=1\|2\|3\] <maildir>/);
  }
  for (
    const wrong of [
      { version: 4 as 3, ...who },
      { version: 3 as const, ...who, method: "auth" },
      { version: 1 as const, ...who },
      { version: 2 as const, ...who, method: "list", args: [""] },
      { version: 1 as const, ...who, method: "a\n" },
      { version: 1 as const, ...who, method: "" },
      { version: 1 as const, ...who, method: "search", args: ["a\0b"] },
      { version: 1 as const, ...who, method: "search", args: ["\udc00"] },
      { version: 3 as const, ...who, mailUser: undefined as unknown as string },
    ]
  ) {
    assert.throws(() => extractorArguments(wrong), LocalProtocolError, JSON.stringify(wrong));
  }
});
