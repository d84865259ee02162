/**
 * What `send` and `stream` do over HTTP at a real server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortError, connect, type DoveadmRequest, LocalProtocolError } from "../../../mod.ts";
import type { Dovecot } from "../../harness/dovecot/dovecot.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { clientOf, errorOf, failingInput, pieces } from "./clients.ts";

/** Registers the tests, for a server that runs when they do. */
export function testSending(name: (what: string) => string, server: () => Dovecot): void {
  test(name("send and stream › the same fields as over TCP"), async () => {
    await leavingNothing(async () => {
      const { http, requests } = clientOf(server());
      await using tcp = connect({ path: server().socket });
      const user = "alice";
      const asked: DoveadmRequest[] = [
        { name: "mailbox list", user },
        { name: "mailbox list", user, args: ["-8", "P*"] },
        { name: "mailbox list", user, args: ["-s"] },
        { name: "mailbox status", user, args: ["-t", "all", "*"] },
        { name: "mailbox status", user, args: ["messages vsize uidvalidity", "INBOX", "Sent"] },
        { name: "fetch", user, args: ["uid hdr.subject size.virtual", "mailbox", "INBOX", "all"] },
        { name: "fetch", user, args: ["uid seq UID hdr.To hdr.to", "mailbox", "INBOX", "all"] },
        { name: "fetch", user, args: ["text", "mailbox", "INBOX", "uid", "3"] },
        { name: "search", user, args: ["mailbox", "INBOX", "subject", "lunch"] },
        { name: "quota get", user },
        { name: "acl rights", user, args: ["INBOX"] },
        { name: "mailbox path", user, args: ["INBOX"] },
        { name: "sieve list", user },
        { name: "user", args: ["*"] },
        { name: "user", args: ["-f", "home", "alice"] },
        { name: "user", args: ["alice"] },
        { name: "who" },
        { name: "instance list" },
      ];
      for (const request of asked) {
        const { fields, rawFields, ok, log } = await http.send(request);
        const wanted = await tcp.send(request);
        assert.deepEqual(fields, wanted.fields, JSON.stringify(request));
        assert.deepEqual(rawFields, wanted.rawFields);
        assert.deepEqual([ok, log], [true, []]);
        const streamed: string[] = [];
        for await (const field of http.stream(request)) streamed.push(await field.text());
        assert.deepEqual(streamed, wanted.fields, JSON.stringify(request));
      }
      // No version reads these in a way of its own.
      assert.deepEqual(requests, Array(asked.length * 2).fill(1));
      await http.close();
    });
  });

  test(name("commands that send can't send › an error"), async () => {
    await leavingNothing(async () => {
      const { http, requests } = clientOf(server());
      const save = { name: "save", user: "bob", args: ["-m", "INBOX"] };
      const refused: readonly (readonly [DoveadmRequest, RegExp])[] = [
        [{ name: "nosuch" }, /has no command "nosuch".*Use call\(\)/],
        [{ name: "who", verbosity: "debug" }, /can't carry "verbosity"/],
        [{ name: "who", extraFields: { x: "y" } }, /can't carry "extraFields"/],
        [{ name: "mailbox list" }, /"mailbox list" acts on a user's mail. Set "user"/],
        [{ name: "mailbox list", user: "" }, /Set "user"/],
        [{ name: "mailbox list", user: "a*" }, /"a\*" is a mask/],
        [{ name: "mailbox list", user: "bob\0" }, /has a NUL/],
        [{ name: "mailbox list", user: "bob\ud83d" }, /half a surrogate pair.*Check where/],
        [{ name: "mailbox list", user: "bob", args: ["\udd4a"] }, /half a surrogate pair/],
        [{ name: "who", input: "x" }, /"who" takes no input/],
        [{ ...save, input: "a\0b" }, /The input of "save" has a NUL/],
        [{ ...save, input: new Uint8Array([0x61, 0]) }, /The input of "save" has a NUL/],
        [{ ...save, input: new Uint8Array([0xc3, 0x28]) }, /isn't UTF-8.*Use TCP/],
        [{ ...save, input: [new Uint8Array([0xc3])] }, /isn't UTF-8/],
      ];
      for (const [request, why] of refused) {
        assert.match((await errorOf(http.send(request), LocalProtocolError)).message, why);
        const streamed = async () => await http.stream(request).next();
        await errorOf(streamed(), LocalProtocolError);
      }
      assert.deepEqual(requests, []);
      // Which arguments are wrong depends on the version, which is asked for once.
      for (const args of [["-x"], ["--nosuch=1"], ["a", "b", "c"]]) {
        const { message } = await errorOf(
          http.send({ name: "instance list", args }),
          LocalProtocolError,
        );
        assert.match(message, /The arguments of "instance list" are not accepted by Dovecot/);
      }
      assert.deepEqual(requests, ["list"]);
      const failed = { ...save, input: failingInput() };
      const error = await errorOf(http.send(failed), AbortError);
      assert.match(error.message, /The input of "save" failed/);
      assert.equal(error.sent, false);
      assert.match(String(error.cause), /no more input/);
      await http.close();
    });
  });

  test(name("input as text, bytes and pieces › arrives"), async () => {
    await leavingNothing(async () => {
      const { http } = clientOf(server());
      const text = "\ufeffSubject: é\n\n€\n.\n\t\x01\n";
      const bytes = new TextEncoder().encode(text);
      await http.run("mailbox create", { user: "carol", mailbox: ["In"] });
      const inputs = [text, bytes, [bytes.subarray(0, 1), bytes.subarray(1)], pieces(bytes)];
      for (const input of inputs) {
        await http.send({ name: "save", user: "carol", args: ["-m", "In"], input });
      }
      await http.run("save", { user: "carol", mailbox: "In", file: pieces(bytes) });
      const fetched = { user: "carol", field: ["text"], query: ["mailbox", "In", "all"] } as const;
      const saved = await http.run("fetch", fetched);
      assert.equal(saved.length, 5);
      for (const mail of saved) {
        assert.equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(mail.text), text);
      }
      await http.close();
    });
  });
}
