import assert from "node:assert/strict";
import { test } from "node:test";
import { Concealer, encodeUtf8, escapeControls, quote, quoteText } from "../../core/mod.ts";
import { decodeEscapes } from "../../core/escapes.ts";

test("escapeControls › C0, DEL, C1, separators, bidi controls › escapes", () => {
  for (let code = 0; code <= 0x9f; code++) {
    if (code >= 0x20 && code < 0x7f) continue;
    const shown = escapeControls(`a${String.fromCharCode(code)}b`);
    assert.match(shown, /^a\\(t|n|r|x[0-9a-f]{2})b$/, `U+${code.toString(16)}`);
  }
  for (const code of [0x61c, 0x200e, 0x2028, 0x2029, 0x202e, 0x2066, 0x2069, 0xfeff, 0xd800]) {
    assert.equal(
      escapeControls(String.fromCharCode(code)),
      `\\u${code.toString(16).padStart(4, "0")}`,
    );
  }
});

test("escapeControls › text of any language › isn't changed", () => {
  const text = 'Grüße, שלום, 日本, 👩‍👩‍👧, C:\\dir "x"';
  assert.equal(escapeControls(text), text);
});

test("quoteText › a cut within a surrogate pair › leaves the pair out", () => {
  assert.equal(quoteText("ab👍", 3), '"ab…"');
  assert.equal(quoteText("ab👍", 4), '"ab👍"');
  assert.equal(quoteText("\\\n".repeat(2)), '"\\\\\\n\\\\\\n"');
});

const secrets = [
  "zq-secret",
  'Zürich §5 "quoted" \\ & <more>',
  "1234",
  "p/+pp?%",
  "pass word\tx",
  "\ud800lone",
];

for (const secret of secrets) {
  test(`Concealer › ${JSON.stringify(secret)} in any form › concealed`, () => {
    const bytes = encodeUtf8(secret);
    const binary = String.fromCharCode(...bytes);
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const concealer = new Concealer([secret]);
    const wellFormed = new TextDecoder().decode(bytes);
    const forms = [
      secret,
      JSON.stringify(secret),
      JSON.stringify(`refused: ${secret}`),
      quote(bytes, Infinity),
      quoteText(secret),
      encodeURIComponent(wellFormed),
      hex,
      hex.toUpperCase(),
      btoa(binary),
      btoa(`\0doveadm\0${binary}`),
      btoa(`doveadm:${binary}`),
      btoa(`${binary} and more`),
      btoa(`ab${binary}cd`).replaceAll("+", "-").replaceAll("/", "_"),
    ];
    for (const form of forms) {
      for (const text of [form, `no: ${form}`, `<${form}> is wrong`, `${form}${form}`]) {
        const shown = concealer.conceal(text);
        assert(shown.includes("…"), `${text} became ${shown}`);
        assert(!shown.includes(secret), shown);
        assert(
          longestCommon(shown, form) <= Math.max(form.length / 2, 4) + 12,
          `${text} became ${shown}`,
        );
      }
    }
  });
}

test("Concealer › an escape of any kind within a secret › concealed, also where it is escaped again", () => {
  const secret = "zq-sécret!";
  const concealer = new Concealer([secret]);
  const escapesOf = (sign: string) => {
    const code = sign.charCodeAt(0);
    const hex = code.toString(16);
    return [
      `\\u${hex.padStart(4, "0")}`,
      `\\u${hex.padStart(4, "0").toUpperCase()}`,
      `\\x${hex.padStart(2, "0")}`,
      encodeURIComponent(sign) === sign ? `%${hex}` : encodeURIComponent(sign),
      `&#${code};`,
      `&#x${hex};`,
    ];
  };
  for (let at = 0; at < secret.length; at++) {
    for (const escape of escapesOf(secret[at])) {
      for (
        const outer of [escape, JSON.stringify(escape).slice(1, -1), encodeURIComponent(escape)]
      ) {
        const text = `it said ${secret.slice(0, at)}${outer}${secret.slice(at + 1)}.`;
        const shown = concealer.conceal(text);
        assert(shown.startsWith("it said ") && shown.includes("…"), `${text} became ${shown}`);
        // Where an escape stands at the end, the rest is a piece large enough, and it may stay.
        const left = longestCommon(decodeEscapes(decodeEscapes(shown)), secret);
        assert(left <= secret.length / 2, `${text} became ${shown}`);
      }
    }
  }
});

test("Concealer › escapes without a secret › aren't changed", () => {
  const concealer = new Concealer(["zq-secret"]);
  for (const text of ["\\u0041 %41 &#65; &amp; \\", "%", "\\", "&#9999999;", "\\uD800", "100%"]) {
    assert.equal(concealer.conceal(text), text);
  }
});

test("Concealer › cut by the peer › more than half of it is concealed", () => {
  const concealer = new Concealer(["zq-secret-of-ours"]);
  const login = btoa("\0doveadm\0zq-secret-of-ours");
  for (const form of ["zq-secret-of-ours", login]) {
    for (let size = Math.ceil(form.length * 0.8); size < form.length; size++) {
      for (const cut of [form.slice(0, size), form.slice(-size)]) {
        const shown = concealer.conceal(`it said ${cut}`);
        assert(longestCommon(shown, "zq-secret-of-ours") <= 8, shown);
        // The part of the login that is the same for everybody may show.
        assert(longestCommon(shown, login.slice(12)) <= 12, shown);
      }
    }
  }
});

test("Concealer › other text › isn't changed", () => {
  const concealer = new Concealer(["zq-secret", undefined, ""]);
  for (const text of ["", "a secr", "doveadm(alice)<16524><Uxc>: Failed", "…", "zq-", "zq-s"]) {
    assert.equal(concealer.conceal(text), text);
  }
  assert.equal(new Concealer([]).conceal("anything"), "anything");
});

test("Concealer › a secret of one to three characters › is concealed only as a whole word", () => {
  const concealer = new Concealer(["p", "a.b"]);
  assert.equal(concealer.conceal("p: stop, p!"), "…: stop, …!");
  assert.equal(concealer.conceal("a.b and axb and a.bc"), "… and axb and a.bc");
});

test("Concealer › overlapping and adjacent secrets › nothing of them is left", () => {
  const concealer = new Concealer(["abcdefgh", "efghijkl"]);
  assert.equal(concealer.conceal("-abcdefghijkl-"), "-…-");
  assert.equal(concealer.conceal("abcdefghabcdefgh"), "…");
});

test("Concealer › names of an object's members as secret › found like any other", () => {
  const concealer = new Concealer(["__proto__", "constructor"]);
  assert.equal(concealer.conceal("a constructor of __proto__"), "a … of …");
});

test("Concealer › a long text that almost fits › in time proportional to its length", () => {
  const concealer = new Concealer(["a".repeat(30) + "b"]);
  const text = "a".repeat(10).concat("c").repeat(20_000);
  assert.equal(concealer.conceal(text).length, text.length);
});

/** The length of the longest substring that both texts have. */
function longestCommon(a: string, b: string): number {
  let longest = 0;
  for (let start = 0; start < b.length; start++) {
    while (a.includes(b.slice(start, start + longest + 1)) && start + longest < b.length) longest++;
  }
  return longest;
}
