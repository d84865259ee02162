/** What is frozen of a relay: all of its parts' state, by the sources. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

/** State that isn't frozen, by class and field, and why. */
const left: Readonly<Record<string, string>> = {
  "CommandDispatch #context": "is the conversation's",
  "CustomCommands #context": "is the conversation's",
  "GatheredBytes #size": "comes with the bytes",
  "InputQueue #size": "comes with the bytes",
  "InputQueue #tail": "is a buffer for more",
  "OutputQueue #pushed": "comes with the bytes",
  "PassGate #context": "is the conversation's",
  "RelayClient #conversation": "is the relay's",
  "RelayClient #upstream": "is the relay's",
  "RelayPassThrough #conversation": "is attached when a relay is created",
  "RelayUpstream #conversation": "is attached when a relay is created",
  "RelayUpstream #failure": "comes after the end, where a relay can't be frozen",
};

const root = new URL("../../../core/", import.meta.url);

/** A class with `archive()`. */
interface ArchivedClass {
  readonly name: string;
  readonly fields: readonly { readonly declaration: string; readonly name: string }[];
  readonly archive: string;
}

function classesOf(folder: string): ArchivedClass[] {
  const url = new URL(folder, root);
  return readdirSync(url).filter((name) => name.endsWith(".ts")).flatMap((name) =>
    [...readFileSync(new URL(name, url), "utf8").matchAll(/^(?:export )?class (\w+).*?^}/gms)]
      .flatMap(([text, name]) => {
        const [archive] = /^ {2}#?archive\(state: StateArchive\).*?^ {2}}/ms.exec(text) ?? [];
        if (archive === undefined) return [];
        const fields = [...text.matchAll(/^ {2}((?:readonly )?(#?\w+)!?(?::| =).*)$/gm)]
          .map(([, declaration, name]) => ({ declaration, name }));
        return [{ name, fields, archive }];
      })
  );
}

const classes = [...classesOf("."), ...classesOf("imap/")];

test("the state of a relay's parts › each field that changes, or has state of its own › is frozen", () => {
  const archived = new Set(classes.map(({ name }) => name));
  const missing: string[] = [];
  for (const { name, fields, archive } of classes) {
    for (const field of fields) {
      const { declaration } = field;
      const [, type = ""] = /: (\w+)/.exec(declaration) ?? [];
      const isFixed = declaration.startsWith("readonly ") && !declaration.includes(" = ") &&
        !archived.has(type);
      const isNamed = new RegExp(`this\\.${field.name}\\b`).test(archive);
      if (!isFixed && !isNamed) missing.push(`${name} ${field.name}`);
    }
  }
  assert.deepEqual(missing.sort(), Object.keys(left).sort());
});

test("the state of a relay's parts › the classes that have some › are known", () => {
  assert.deepEqual(classes.map(({ name }) => name).sort(), [
    "AppendGrammar",
    "ArgumentScanner",
    "ClientSession",
    "CommandDispatch",
    "CommandReader",
    "Conversation",
    "ConversationContext",
    "ConversationOutput",
    "ConversationTimers",
    "CustomCommands",
    "GatheredBytes",
    "ImapRelayProtocol",
    "InputQueue",
    "LineInput",
    "LineSkipper",
    "OutputQueue",
    "PassGate",
    "RelayClient",
    "RelayPassThrough",
    "RelayUpstream",
    "ResponseReader",
    "UpstreamCheck",
    "UpstreamIdle",
    "ValueBuilder",
  ]);
});
