import assert from "node:assert/strict";
import { test } from "node:test";
import { htmlToText } from "../../../../extractor/maildir/mail/html_text.ts";
import { TextSearch } from "../../../../extractor/maildir/mail/search.ts";
import { ExtractorFailure } from "../../../../extractor/messages/failure.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const mail = bytes(
  "Subject: =?utf-8?Q?=C3=84pfel?= and pears\r\nFrom: sender@example.org\r\n" +
    "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\nHow are you?\r\nFine.\r\n--b\r\n" +
    "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
    "<p class=3Dhidden>M&uuml;ller <b>bo</b>ld</p><style>secret{}</style>\r\n--b\r\n" +
    "Content-Disposition: attachment\r\n\r\nattached\r\n--b\r\n" +
    "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside\r\n--b--\r\n",
);

test("search › subjects and texts › are searched decoded", async () => {
  const cases: [pattern: string, matches: boolean][] = [
    ["Äpfel and", true],
    ["äpfel", false],
    ["(?i)äPFEL", true],
    ["^How", true],
    ["^Fine", false],
    ["(?m)^Fine\\.$", true],
    ["you\\?\\nFine", true],
    ["Müller bold", true],
    ["hidden|secret|class", false],
    ["sender@", false],
    ["preamble|attached", false],
    ["^inner$", true],
    ["^inside$", true],
    ["pears.*How", false],
    ["", true],
    ["\\Q?\\E", true],
    ["\\p{Lu}pfel", true],
  ];
  for (const [pattern, matches] of cases) {
    assert.equal(await new TextSearch(pattern).matches(mail), matches, pattern);
  }
});

test("search › invalid or too large patterns › are failures", () => {
  const cases: [pattern: string, message: RegExp][] = [
    ["(", /is not a valid regular expression of RE2: .*missing closing \)/],
    ["[", /is not a valid regular expression/],
    ["*", /is not a valid regular expression/],
    ["(?=a)", /is not a valid regular expression/],
    ["(a)\\1", /is not a valid regular expression/],
    ["a{1001}", /is not a valid regular expression/],
    ["(((a{100}){100}){100})", /is not a valid regular expression/],
    ["(a{500}){1,2}b{500}", /compiles to \d+ steps; the limit is 1000/],
    ["a".repeat(1001), /has 1001 characters; the limit is 1000/],
    ["(".repeat(999), /is not a valid regular expression/],
    [`${"(".repeat(500)}${")".repeat(500)}`, /steps/],
  ];
  for (const [pattern, message] of cases) {
    assert.throws(() => new TextSearch(pattern), (error) => {
      assert.ok(error instanceof ExtractorFailure);
      assert.equal(error.code, "invalid");
      assert.match(error.message, message);
      return true;
    }, pattern.slice(0, 40));
  }
});

test("search › patterns that never end in backtracking engines › end in time", async () => {
  // With backtracking each of these takes practically infinite time from some thirty letters on.
  const line = "a".repeat(1_000_000);
  const patterns = [
    "(a+)+$",
    "(a|a)*b",
    "(a*)*b",
    "^(a|aa)+$b",
    "(.*a){20}b",
    "(a?){50}a{50}b",
    "([a-z]+)*!",
  ];
  for (const pattern of patterns) {
    assert.equal(
      await new TextSearch(pattern).matches(bytes(`Subject: x\n\n${line}!`)),
      pattern.endsWith("!"),
      pattern,
    );
  }
});

test("search › large mails › are searched only up to the limits", async () => {
  const long = bytes(`Subject: x\n\n${"a".repeat(10_000)}needle`);
  assert.equal(await new TextSearch("needle").matches(long), true);
  assert.equal(await new TextSearch("needle", { maxMailSize: 10_000 }).matches(long), false);
  assert.equal(await new TextSearch("needle", { maxSteps: 20_000 }).matches(long), false);
  assert.equal(await new TextSearch("aaa$", { maxSteps: 0 }).matches(long), false);
});

test("HTML › tags, entities and blanks › become the visible text", async () => {
  const cases: [html: string, text: string][] = [
    ["", ""],
    ["a  b\r\n\tc", "a b c"],
    ["<p>a<p>b<br>c<td>d", "a b c d"],
    ["a<b>b</b>c<i>d</i>", "abcd"],
    ["<!-- a > b -->c", "c"],
    ["<script>if (a < b) x('</p>')</script>c<STYLE>d</STYLE >e", "c e"],
    ["&lt;b&gt; &amp;lt; &auml;&#228;&#xe4; &none; &", "<b> &lt; äää &none; &"],
    ["1 < 2 <3 a<b", "1 < 2 <3 a"],
    ["a<a href='x'>link</a>", "alink"],
    ["<p", ""],
    ["a<!--", "a"],
    ["--b--\r\n--b\r\na &amp; b", "--b-- --b a & b"],
  ];
  for (const [html, text] of cases) assert.equal(await htmlToText(html), text, html);
});

test("HTML › megabytes of unclosed tags › end in time", async () => {
  // Each of these takes hours if the same text is scanned again for each of them.
  for (
    const piece of [
      "<",
      "<a ",
      "<a href=",
      "<!--",
      "<script>",
      "</",
      "&",
      "&lt;a href=",
      "<p>x</p>",
      "\n",
    ]
  ) {
    await htmlToText(piece.repeat(1_000_000 / piece.length) + "&");
  }
});

test("search › HTML of any length › is converted in pieces", async () => {
  const times = 50_000;
  assert.equal(await htmlToText("&lt;".repeat(times) + "b"), "<".repeat(times) + "b");
  assert.equal(await htmlToText("<p>a &amp; b ".repeat(times)), "a & b ".repeat(times).trim());
  assert.equal(await htmlToText("<".repeat(times * 4)), "<".repeat(times * 4));
  assert.equal(
    await htmlToText(`${"x".repeat(times * 4)}&amp;<b>y</b>`),
    `${"x".repeat(times * 4)}&y`,
  );
});

test("search › much HTML in several parts › is searched only up to the limit", async () => {
  const part = "--b\nContent-Type: text/html\n\n<p>needle</p> and hay\n";
  const mail = bytes(
    `Content-Type: multipart/mixed; boundary=b\n\n${part}${part}Haystack\n--b--\n`,
  );
  for (const [maxHtmlLength, found] of [[30, false], [60, true]] as const) {
    assert.equal(await new TextSearch("Haystack", { maxHtmlLength }).matches(mail), found);
    assert.equal(await new TextSearch("needle", { maxHtmlLength }).matches(mail), true);
  }
});
