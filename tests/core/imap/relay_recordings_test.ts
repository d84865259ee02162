/** Recorded clients through a relay, in front of a server that answers as the recorded one did. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { cut } from "./frames.ts";
import { RecordedServer, responsesIn } from "./recorded_server.ts";
import { latin1, loadRecordings, type Recording, servers } from "./recordings.ts";
import { RelayTalk, textOf } from "./relay_talk.ts";

/** What came of a recording. */
interface Outcome {
  /** What the client read. */
  readonly heard: string;
  /** What the server read after the login. */
  readonly got: string;
}

function textOfSide({ steps }: Recording, side: "client" | "server"): string {
  return steps.map(({ by, bytes }) => by === side && bytes !== undefined ? latin1(bytes) : "")
    .join("");
}

/** Plays a recording through a relay. */
function play(recording: Recording, cutting: (bytes: Uint8Array) => Uint8Array[]): Outcome {
  const { steps, transport } = recording;
  const said = steps.map(({ by, bytes }) =>
    by === "server" && bytes !== undefined ? latin1(bytes) : ""
  );
  const logins = [...textOfSide(recording, "client").matchAll(/^(\S+) (?:LOGIN|AUTHENTICATE) /gim)];
  const server = new RecordedServer(said, logins.map(([, tag]) => tag));
  const talk = new RelayTalk({ startTls: /STARTTLS/.test(transport), commands: [] });
  let heard = talk.server(responsesIn(...said)[0].text);
  const exchange = () => {
    for (let isBusy = true; isBusy;) {
      const got = talk.got();
      const answer = got === "" ? server.play() : server.read(got);
      const more = answer === "" ? talk.heard() : talk.server(answer);
      for (const { tag } of responsesIn(more)) if (!/^[+]?$/.test(tag)) server.heard(tag);
      heard += more;
      isBusy = got !== "" || answer !== "" || more !== "";
      if (talk.told().includes("start-tls")) talk.act((relay) => relay.client.tlsStarted());
    }
  };
  for (const [at, { by, bytes }] of steps.entries()) {
    if (by === "server") continue;
    const next = steps.findIndex((step, later) => later > at && step.by === "client");
    server.release(next === -1 ? steps.length : next);
    if (bytes === undefined) {
      heard += talk.clientEnd();
      exchange();
      break;
    }
    for (const piece of cutting(bytes)) {
      const more = talk.client(textOf(piece));
      for (const { tag } of responsesIn(more)) if (!/^[+]?$/.test(tag)) server.heard(tag);
      heard += more;
    }
    exchange();
  }
  assert.equal(talk.failure, undefined, `${recording.name}: ${talk.failure}`);
  return { heard, got: server.got };
}

/** Recordings that can't be played: the server ended a login that the relay passes on in another form. */
const leftOut: readonly string[] = ["login-literal-limit"];

function recordingsOf(server: string): Recording[] {
  return loadRecordings(server).filter(({ name }) => !leftOut.includes(name.replace(/.*\//, "")));
}

/** Recordings in which the relay answers other than the server did, and why. */
const otherAnswers: Readonly<Record<string, string>> = {
  "append-binary": "the client announces a literal and doesn't send it",
  "cleartext-disabled": "the relay asks for a response before it knows that there is no login",
  "client-imapflow": "COMPRESS is refused",
  compress: "COMPRESS is refused",
  "compress-errors": "COMPRESS is refused",
  "cr-alone": "a CR alone is a mistake everywhere",
  "id-trusted-bad": "what a client says of itself isn't passed on",
  lists: "2,000 levels are too many",
  "literal-number-overflow": "a literal that is too large is refused before it is a danger",
  "prelogin-line-too-long": "a long line is a mistake and no end",
  "prelogin-unknown-literal": "the client sends a literal that was refused",
  "quoted-strings": "text after a quoted string is a mistake",
  "starttls-injection": "STARTTLS isn't offered here",
  tags: "tags with a bracket aren't passed on",
};

/** What of the client's bytes is something else for the server, and why: patterns and what replaces them. */
const otherCommands: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  // The client announces a literal and doesn't send it.
  "append-binary": [[/z LOGOUT\r\n$/, ""]],
  // Refused by the server, and dropped.
  "append-empty": [[/\r\n(?=b APPEND)/, ""], [/From: [^]*garbage\r\n/, ""]],
  "append-trycreate": [[/From: [^]*Hello\r\n\r\n/, ""]],
  "bare-lf": [[/(?<!\r)\n/, "\r\n"]],
  "client-curl-custom": [[/A005 XKEYSYNC\r\n/, ""]],
  "client-imapflow": [[/5 COMPRESS DEFLATE\r\n/, ""]],
  compress: [[/^[^]* COMPRESS.*\r\n/, ""]],
  "compress-errors": [[/^[^]* COMPRESS.*\r\n/, ""]],
  "cr-alone": [[/^[^]*\n(?=e NOOP)/, ""]],
  // Only names and quoted strings may be 8-bit.
  "eight-bit": [[/\S* NOOP\r\nb .*\r\n/, ""], [/(?<=\{2\+\}\r\n)\S+\r\n/, ""]],
  // The server sees the end of IDLE in one form.
  "eof-in-command": [[/b NO$/, ""]],
  "idle-done-variants": [[/done\r\n/, "DONE\r\n"], [/DONE\n/, "DONE\r\n"]],
  "idle-overlong-line": [[/x{1000,}y*\r\n/, "DONE\r\n"]],
  "idle-wrong-line": [[/x NOOP\r\n/, "DONE\r\n"]],
  "idle-wrong-line-variants": [
    [/DONE \r\n/, "DONE\r\n"],
    [/\r\n\r\n/, "\r\nDONE\r\n"],
    [/b DONE\r\n/, "DONE\r\n"],
    [/ DONE/, "DONE"],
  ],
  "line-too-long-list": [[/a \S+ [^\n]{1000,}\n/, ""]],
  "line-too-long-tag": [[/^[^]*?(?=b NOOP)/, ""], [/c N{200,}\r\n/, ""]],
  "line-too-long-word": [[/a \S+ [^\n]{1000,}\n/, ""]],
  lists: [[/(?<![^\n])[a-dg] [^\n]*\n/, ""]],
  // The server says BYE in place of its continuation.
  "literal-minus": [[/x{1000,}\r\n(c NOOP\r\n)?/, ""]],
  "literal-minus-append": [[/x+\r\nb NOOP\r\n$/, ""]],
  "literal-too-big-plus": [[/x+\r\nb NOOP\r\n$/, ""]],
  "logout-pipelined": [[/b NOOP\r\n/, ""]],
  "nul-bytes": [[/a\0[^]*(?=e SELECT)/, ""], [/IN\0BOX\r\n(?=f)/, ""]],
  "quoted-strings": [[/(?<![^\n])[cefg] SELECT [^]*?\r\n/, ""]],
  tags: [[/(?<![^\n])(?!A\.b|[ef] |z)[^\n]*\n/, ""]],
};

const capabilities = /\[?CAPABILITY [^\]\r\n]*/g;

/** What the answers to commands are. */
function answersIn(said: string): string[] {
  return responsesIn(said).filter(({ tag }) => !/^[+]?$/.test(tag))
    .map(({ tag, status }) => `${tag} ${status}`);
}

/** Responses with data, without those to ID, which come from the relay before the login. */
function dataIn(said: string): string {
  return responsesIn(said).filter(({ tag, status }) => tag + status === "").map(({ text }) => text)
    .join("")
    .replaceAll(/^\* (ID|ENABLED) .*\r\n/gm, "");
}

for (const server of servers) {
  test(`recordings of ${server} › through a relay › each side gets what the rules say`, () => {
    for (const recording of recordingsOf(server)) {
      const name = recording.name.replace(/.*\//, "");
      const { heard, got } = play(recording, (bytes) => [bytes]);
      const said = textOfSide(recording, "server");
      if (!(name in otherAnswers)) {
        assert.deepEqual(answersIn(heard), answersIn(said), recording.name);
      } else if (server === "2.4.1") {
        assert.notDeepEqual(answersIn(heard), answersIn(said), recording.name);
      }
      assert(dataIn(said).startsWith(dataIn(heard)), recording.name);
      for (const [list] of heard.matchAll(capabilities)) {
        assert.doesNotMatch(list, /COMPRESS|LOGIN-REFERRALS/, recording.name);
      }
      // Each literal was announced as one that the server grants.
      assert.doesNotMatch(got, /\{\d+\+\}/, recording.name);
      let expected = textOfSide(recording, "client").replaceAll(/\{(\d+)\}(?=\r?\n)/g, "{$1+}");
      for (const [pattern, other] of otherCommands[name] ?? []) {
        expected = expected.replaceAll(
          new RegExp(pattern, "g"),
          other,
        );
      }
      const announced = got.replaceAll(/\{(\d+)\}(?=\r\n)/g, "{$1+}");
      assert(expected.endsWith(announced), `${recording.name}: ${JSON.stringify(announced)}`);
    }
  });

  test(`recordings of ${server} › the client's bytes in pieces › come to the same`, () => {
    for (const recording of recordingsOf(server)) {
      const whole = play(recording, (bytes) => [bytes]);
      for (const size of [1, 7, 1000]) {
        assert.deepEqual(play(recording, (bytes) => cut(bytes, size)), whole, recording.name);
      }
    }
  });
}
