/**
 * `dovewire trace` of files: what it reads, and what it shows as text and as HTML.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Random } from "../harness/random.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { runWords } from "./run.ts";

const recordings = fileURLToPath(new URL("../core/doveadm/recordings/", import.meta.url));

/** The lines of a recording with some names. */
async function recordingsOf(server: string, names: RegExp): Promise<string> {
  const text = await readFile(join(recordings, `${server}.jsonl`), "utf8");
  return text.split("\n").filter((line) => line !== "" && names.test(JSON.parse(line).name))
    .join("\n");
}

/** Runs `dovewire trace` on a text as its file. */
async function traceOf(text: string | Uint8Array, words: readonly string[] = []) {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "trace.jsonl");
  await writeFile(file, text);
  const ran = await runWords(["trace", file, ...words]);
  return { ...ran, errors: ran.errors.replaceAll(folder.path, "FOLDER") };
}

const step = (value: object) => JSON.stringify(value) + "\n";

const base64 = (text: string) => btoa(text);

const greeting = step({ from: "client", text: "VERSION\tdoveadm-server\t1\t0\n" }) +
  step({ from: "server", text: "+\n" });

test("trace › a recording with times › is text with aligned columns", async () => {
  const { code, output, errors } = await traceOf(
    step({ connection: 7, open: "tcp 127.0.0.1:5", time: "2026-01-31T12:00:00.000Z" }) +
      step({
        ...{ connection: 7, time: "2026-01-31T12:00:00.012Z", from: "client" },
        bytes: base64("VERSION\tdoveadm-server\t1\t1\nPLAIN\tAGRvdmVhZG0AczNjcmV0\n"),
      }) +
      step({
        ...{ connection: 7, time: "2026-01-31T12:00:01.500Z", from: "server" },
        text: "VERSION\tdoveadm-client\t1\t3\n-\n+\n",
      }) +
      step({
        ...{ connection: 7, time: "2026-01-31T12:00:02.000Z", from: "client" },
        text: "v\talice\tmailbox status\tmessages vsize\t*\n",
      }) +
      step({
        ...{ connection: 7, time: "2026-01-31T12:00:02.250Z", from: "server" },
        text: "\0\0\0\0\x08INBOX\t3\tL\0\0\0\x06\x04Ouch\n\0\0\0\0\x0f388\t\n-TEMPFAIL\n",
      }) +
      step({ connection: 7, from: "server", end: true }) +
      step({ connection: 7, close: "the other end reset it" }),
  );
  assert.equal(errors, "");
  assert.equal(code, 0);
  assert.deepEqual(output.split("\n"), [
    "conversation 7: tcp 127.0.0.1:5  2026-01-31T12:00:00.000Z",
    "   +0.012   7 client        0     27 version      the client offers 1.1",
    "   +0.012   7 client       27     27 login        as doveadm (password concealed)",
    "   +1.500   7 server        0     27 version      the server speaks 1.3",
    "   +1.500   7 server       27      2 login wanted the server asks for a password",
    "   +1.500   7 server       29      2 accepted     the conversation has version 1.1 (replies and log come in packets)",
    '   +2.000   7 client       54     40 command 1    mailbox status "messages vsize" * for alice (with -v)',
    "   +2.250   7 server       31      5 packet       replies, 8 bytes",
    "   +2.250   7 server       36      6 value 1      row 1   mailbox     INBOX",
    "   +2.250   7 server       42      2 value 1      row 1   messages    3",
    "   +2.250   7 server       44      5 packet       log, 6 bytes",
    "   +2.250   7 server       49      6 log          error Ouch",
    "   +2.250   7 server       55      5 packet       replies, 15 bytes",
    "   +2.250   7 server       60      4 value 1      row 1   vsize       388",
    "   +2.250   7 server       64     11 reply 1      -TEMPFAIL (3 values; doveadm's exit code is 75)",
    "            7 server               0 end          the server sends no more",
    "conversation 7 ends: 1 command, 94 bytes of the client, 75 of the server; the other end reset it",
    "",
  ]);
});

test("trace › on a terminal › has colours, unless NO_COLOR is set, and no control characters of peers", async () => {
  const text = greeting + step({ from: "client", text: "\t\x1b[2J\twho\n" });
  await using folder = await temporaryFolder();
  const file = join(folder.path, "trace.jsonl");
  await writeFile(file, text);
  const before = process.env.NO_COLOR;
  try {
    delete process.env.NO_COLOR;
    const colored = await runWords(["trace", file], { width: 80 });
    assert(colored.output.includes("\x1b[34mclient"));
    assert(!colored.output.includes("\x1b[2J"));
    process.env.NO_COLOR = "1";
    const plain = await runWords(["trace", file], { width: 80 });
    assert(!plain.output.includes("\x1b"));
    assert.match(plain.output, /who for \\x1b\[2J/);
  } finally {
    if (before === undefined) delete process.env.NO_COLOR;
    else process.env.NO_COLOR = before;
  }
});

test("trace › the bytes of each side in files › is the recording in the order of commands and replies", async () => {
  await using folder = await temporaryFolder();
  const names =
    /^(?:pipelined-handshake-auth-m[0-3]|fetch-multi-m3|user-star-m[0-3]|save-crlf-m3|who-thrice-m1)$/;
  for (const line of (await recordingsOf("2.4.1", names)).split("\n")) {
    const { name, steps } = JSON.parse(line);
    const paths: string[] = [];
    for (const side of ["C", "S"]) {
      const path = join(folder.path, side);
      const chunks = steps.filter((step: string[]) => step[0] === side && step.length > 1)
        .map(([, bytes]: string[]) => Buffer.from(bytes, "base64"));
      await writeFile(path, Buffer.concat(chunks));
      paths.push(path);
    }
    const both = await runWords([
      ...["trace", "--from-client", paths[0], "--from-server", paths[1]],
    ]);
    const recorded = await traceOf(line);
    const linesOf = (text: string) =>
      text.split("\n").slice(1).map((line) => line.replace(/^conversation.*/, "")).sort();
    assert.deepEqual(linesOf(both.output), linesOf(recorded.output), name);
    assert.equal(both.errors, "");
    const [, ...lines] = both.output.split("\n");
    const running: string[] = [];
    for (const line of lines) {
      const [, what, id] = / (command|reply|value) (\d+) /.exec(line) ?? [];
      if (what === "command") running.push(id);
      else if (what !== undefined) assert(running.includes(id), `${name}: ${line}`);
      if (what === "command" && name === "who-thrice-m1") assert.equal(running.length, Number(id));
    }
  }
});

test("trace › one side alone › is decoded without the other", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "side");
  await writeFile(file, "VERSION\tdoveadm-client\t1\t3\n+\n\0\0\0\0\x05a\t\n+\n");
  const server = await runWords(["trace", "--from-server", file]);
  assert.match(server.output, /server +34 +2 value +a\n.*server +36 +3 reply +\+ \(1 value\)\n/);
  await writeFile(file, "VERSION\tdoveadm-server\t1\t0\n\talice\twho\n");
  const client = await runWords(["trace", "--from-client", file]);
  assert.match(client.output, /command 1 +who for alice\n/);
});

test("trace › long values › are cut to --max-field", async () => {
  const text = greeting + step({ from: "client", text: "\t\tuser\ta\n" }) +
    step({ from: "server", text: `${"x".repeat(5000)}\n+\n` });
  assert.match((await traceOf(text)).output, / x{300}… +\(5000 bytes\)\n/);
  assert.match((await traceOf(text, ["--max-field", "3"])).output, / xxx… +\(5000 bytes\)\n/);
  for (const wrong of ["0", "-1", "1.5", "x", "", "1000001", "Infinity", "NaN"]) {
    const { code, errors } = await traceOf(text, [`--max-field=${wrong}`]);
    assert.equal(code, 64, wrong);
    assert.match(errors, /--max-field is/);
  }
});

test("trace › files that can't be read › are told with what is wrong, and where", async () => {
  const wrong: readonly (readonly [text: string | Uint8Array, message: RegExp])[] = [
    ["", /trace\.jsonl is empty: there is no conversation in it\./],
    ["VERSION\tdoveadm-server\t1\t4\n", /Line 1 .* isn't JSON\. For the bytes .* --from-client/],
    [
      "PK\x03\x04",
      /Line 1 of FOLDER\/trace\.jsonl can't be read: it begins with "PK\\x03\\x04" and isn't JSON/,
    ],
    [Uint8Array.of(0xff, 0x0a), /Line 1 .* isn't UTF-8/],
    ["\n[]\n", /Line 2 .* isn't an object/],
    ["null", /isn't an object/],
    ["{}", /needs one of "open", "from" and "close"/],
    ['{"from":"client","open":"x"}', /needs one of "open", "from" and "close"/],
    ['{"from":"C","text":""}', /"from" is "\\"C\\""\. Set it to "client" or "server"/],
    ['{"from":"client"}', /needs one of "bytes", "text" and "end"/],
    ['{"from":"client","text":"","end":true}', /needs one of "bytes", "text" and "end"/],
    ['{"from":"client","bytes":"!"}', /"bytes" isn't base64/],
    ['{"from":"client","bytes":"AA=A"}', /"bytes" isn't base64/],
    ['{"from":"client","bytes":7}', /"bytes" isn't base64/],
    ['{"from":"client","text":7}', /"text" isn't a text/],
    ['{"from":"client","end":1}', /"end" isn't true/],
    ['{"from":"client","text":"","time":"soon"}', /"time" is "\\"soon\\""\. Write it as in/],
    ['{"from":"client","text":"","connection":"1"}', /"connection" isn't a number/],
    ['{"from":"client","text":"","__proto__x":1}', /no key "__proto__x"/],
    ['{"open":1}', /"open" isn't a text/],
    ['{"close":1}', /"close" isn't a text/],
    ['{"steps":1}', /"steps" isn't an array/],
    ['{"steps":[["X","AA=="]]}', /step 1 isn't \["C", bytes\]/],
    ['{"steps":[["C","AA=="],["S",7]]}', /step 2 isn't base64/],
    [
      greeting + step({ from: "client", end: true }) + step({ from: "client", text: "x" }),
      /In conversation 1 the client goes on after its end/,
    ],
  ];
  for (const [text, message] of wrong) {
    const { code, errors } = await traceOf(text);
    assert.match(errors, message, String(text));
    assert.equal(code, 65, errors);
  }
  const missing = await runWords(["trace", "/nonexistent/trace"]);
  assert.match(missing.errors, /\/nonexistent\/trace can't be read: /);
  assert.equal(missing.code, 64);
  assert.match((await runWords(["trace", "/"])).errors, /\/ is a folder\. Name a file\./);
});

test("trace › options that don't fit together › are refused", async () => {
  const wrong: readonly (readonly [words: readonly string[], message: RegExp])[] = [
    [[], /"dovewire trace" got 0 arguments\. Name a FILE/],
    [["a", "b"], /got 2 arguments/],
    [["a", "--from-client", "b"], /got 1 argument\./],
    [["--live"], /--live needs LISTEN and TARGET, and got 0 arguments/],
    [["--live", "127.0.0.1:0"], /got 1 argument\./],
    [["--live", "127.0.0.1:0", "x", "--from-client", "b"], /can't be traced at the same time/],
    [["a", "--record", "b"], /Add --live LISTEN TARGET/],
    [["--from-client", "-", "--from-server", "-"], /one side only/],
    [["--live", "nowhere", "/x"], /LISTEN is "nowhere"\. Set it to HOST:PORT/],
    [["--live", "127.0.0.1:0", "nobody"], /There is no server "nobody"/],
    [["--live", "127.0.0.1:0", "https://h"], /reached over HTTP/],
    [["--live", "127.0.0.1:0", "doveadm+starttls://h"], /reached by STARTTLS/],
    [["--live", "127.0.0.1:0", "doveadm://:s3cret@h"], /has a password/],
  ];
  for (const [words, message] of wrong) {
    const { code, errors } = await runWords(["trace", ...words]);
    assert.match(errors, message);
    assert.doesNotMatch(errors, /s3cret/);
    assert.equal(code, 64, errors);
  }
});

test("trace › passwords in recordings › are in neither text nor HTML", async () => {
  const text = await recordingsOf(
    "main",
    /^(?:auth|handshake-plain|tls-implicit|starttls|pipelined)-/,
  );
  const shown = (await traceOf(text)).output + (await traceOf(text, ["--html", "-"])).output;
  assert.match(shown, /password concealed/);
  assert.doesNotMatch(shown, /s3cret|AHMzY3JldA|AGRvdmVhZG0A/);
});

/** Throws unless all tags of a page are closed in their order. */
function checkTags(page: string): void {
  const open: string[] = [];
  const withoutStyle = page.replace(/<style>[^<]*<\/style>/, "");
  for (
    const [tag, slash, name] of withoutStyle.matchAll(/<(\/?)([a-z0-9]+|!doctype)[^<>]*>|[<>]/g)
  ) {
    assert(name !== undefined, `a single ${tag}`);
    if (["meta", "input", "!doctype"].includes(name)) continue;
    if (slash === "") open.push(name);
    else assert.equal(open.pop(), name);
  }
  assert.deepEqual(open, []);
}

test("trace › conversations of what controls terminals and pages › control neither", async () => {
  const random = new Random(19);
  const hostile = [
    ...["\x1b[2J", "\x9b2J", "\u202e", "\ufeff", "\u2028", "\x07", "\0", "\x01", "\r", "__proto__"],
    ...["<script>", `"'><img src=x onerror=1>`, "&", "\t", "\n"],
  ];
  const usual = [
    ...["VERSION\tdoveadm-client\t1\t2\n", "VERSION\tdoveadm-server\t1\t", "2\n", "+\n", "-\n"],
    ...["PLAIN\tAGFsAGJv\n", "\talice\twho\n", "D\talice\tmailbox list\t-u\ta\n", "STARTTLS\n"],
    ...["\x01INOENT\n", "NOUSER\n", "-NOTFOUND\n", ".\n", "..\n", "alice\timap\n", "\x01", "L"],
  ];
  const part = () => random.pick(random.chance(60) ? usual : hostile);
  let recording = "";
  for (let connection = 1; connection <= 500; connection++) {
    recording += step({ connection, open: part() });
    for (let count = random.below(12); count > 0; count--) {
      const text = Array.from({ length: 1 + random.below(5) }, part).join("");
      recording += step({ connection, from: random.pick(["client", "server"]), text });
    }
    recording += step({ connection, close: part() });
  }
  const text = await traceOf(recording);
  assert.equal(text.code, 0, text.errors);
  assert.match(text.output, /mistake: /);
  assert.doesNotMatch(text.output, /(?!\n)[\p{Cc}\p{Bidi_Control}\p{Zl}\ufeff]/u);
  const page = await traceOf(recording, ["--html", "-"]);
  checkTags(page.output);
  assert.doesNotMatch(page.output, /(?!\n)[\p{Cc}\p{Bidi_Control}\p{Zl}\ufeff]|<script|<img/u);
});

test("trace › hostile names and values › are text on the page", async () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror='x'>&amp;\x00\u202e]]>--><!--`;
  const { output } = await traceOf(
    step({ open: hostile }) + greeting +
      step({
        from: "client",
        text: `\t${hostile}\tuser\t${hostile}\n\t\t${hostile}\n${hostile}\n`,
      }) +
      step({ from: "server", text: `${hostile}\n-NO${hostile} ${hostile}\n${hostile}` }) +
      step({ close: hostile }),
    ["--html", "-"],
  );
  checkTags(output);
  assert.match(output, /&#60;script&#62;alert\(1\)/);
  assert.doesNotMatch(output, /<script|<img|onerror='|\u202e|<!--/);
  assert(!output.includes("\0"));
});

test("trace › the page of all recordings of a server › is well-formed, and loads nothing", async () => {
  const text = await readFile(join(recordings, "2.4.1.jsonl"), "utf8");
  const { output, errors } = await traceOf(text, ["--html", "-"]);
  assert.equal(errors, "");
  checkTags(output);
  assert.match(output, /^<!doctype html>\n<html lang="en">/);
  assert.match(output, /<meta name="viewport"/);
  assert.doesNotMatch(output, /<script|<link|\ssrc=|url\(|@import|href="[^#]/);
  const ids = [...output.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const [, target] of output.matchAll(/href="#([^"]+)"/g)) {
    assert(ids.includes(target), target);
  }
});

test("trace › more pieces than a page takes › are counted", async () => {
  const text = greeting + step({ from: "client", text: "\t\twho\n".repeat(21_000) });
  const { output } = await traceOf(text, ["--html", "-"]);
  checkTags(output);
  assert.match(output, /<dt>commands<\/dt><dd>21,000<\/dd>/);
  assert.match(output, /1,\d{3} more pieces are not on this page/);
  assert(output.length < 20_000_000, String(output.length));
});

test("trace › --html with a path › writes the page, and prints nothing", async () => {
  await using folder = await temporaryFolder();
  const page = join(folder.path, "page.html");
  const { output } = await traceOf(greeting, ["--html", page]);
  assert.equal(output, "");
  checkTags(await readFile(page, "utf8"));
  const { errors, code } = await traceOf(greeting, ["--html", "/nonexistent/page.html"]);
  assert.match(errors, /The page can't be written: /);
  assert.equal(code, 64);
});
