import assert from "node:assert/strict";
import { test } from "node:test";
import { htmlToText } from "../../../../extractor/maildir/mail/html_text.ts";

test("HTML › tags with quoted attributes › end after the quotes", async () => {
  const cases: [html: string, text: string][] = [
    ['<img alt="a > b">c', "c"],
    ["<img alt='a > b'>c", "c"],
    ['<img alt = "a > b" title=\'x > "y" > z\'>c', "c"],
    ['<p\ntitle="a\n>b">c', "c"],
    ['<p title="">c', "c"],
    ["<p title=>c", "c"],
    ["<img src=x alt='>'>c", "c"],
    ['</p title="a>b">c', "c"],
    ['<script src="x>y">a</script>b', "b"],
    ['<img alt="a &quot;> b">c', "c"],
    // A quote that begins no value.
    ['<a href=x"y>z</a>', "z"],
    ['<p "a>b', "b"],
    // An unclosed quote.
    ['<a href="x>text</a> more', "text more"],
    ["<a href='x>text</a> more", "text more"],
  ];
  for (const [html, text] of cases) assert.equal(await htmlToText(html), text, html);
});

test("HTML › comments, scripts, styles and character data › show what a browser shows", async () => {
  const cases: [html: string, text: string][] = [
    ["a<!-- <p> > -- > b -->c", "ac"],
    ["<!-->a", "a"],
    ["<!--->a", "a"],
    ["<!-- a --!>b", "b"],
    ["a<!-- <p title='-->b", "ab"],
    ["a<!-- b", "a"],
    ["<!--[if mso]>a<![endif]-->b<![if !mso]>c<![endif]>", "b c"],
    ["<![CDATA[a > <b> &amp;]]>c", "a > <b> &amp;c"],
    ["<![CDATA[a <b>", "a <b>"],
    ["<!DOCTYPE html><?xml version='1.0'?>a", "a"],
    ['<script>"</scripty>" > x</script>a', "a"],
    ["<SCRIPT>a</SCRIPT\n>b", "b"],
    ["<script>a", ""],
    ["<style/>a</style>b", "b"],
    ['<style>p:after { content: ">" }</style>a', "a"],
    ["</script>a", "a"],
    ["<script-x>a</script-x>", "a"],
    ["<o:p>a</o:p>b", "a b"],
    ["<<b>a", "<a"],
  ];
  for (const [html, text] of cases) assert.equal(await htmlToText(html), text, html);
});

test("HTML › a megabyte of unclosed tags and comments › is scanned once", async () => {
  const pieces = [
    '<a b="',
    "<a b='",
    "<a b=  ",
    "<![CDATA[",
    "<!-",
    "<!--x-->",
    '"<',
    "<a =",
    "<style>a</style ",
    "--!>",
  ];
  for (const piece of pieces) {
    const text = await htmlToText(piece.repeat(1_000_000 / piece.length));
    assert.ok(text.length <= 1_000_000, piece);
  }
});
