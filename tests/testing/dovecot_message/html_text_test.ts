import assert from "node:assert/strict";
import { test } from "node:test";
import { htmlText } from "../../../testing/dovecot_message/html_text.ts";

test("HTML text › tags, entities, quotations, scripts › text as in Dovecot", () => {
  for (
    const [html, expected] of [
      ["plain", "plain"],
      ["<p>a</p><p>b</p>", "a b "],
      ["a<img alt=\"x>y\" title='>'>b", "a b"],
      ["a<!-- > b -->c", "ac"],
      ["a<!---->b", "ab"],
      ["a<!--- b --->c-->d", "ad"],
      ["a<script>if (x<y) '</b>'</SCRIPT>b", "a b"],
      ["<style type=x>p{}</style>b", "b"],
      ["a<![CDATA[<b>]]>c", "a<b>c"],
      ["a<blockquote>b<br>c</blockquote>d", "a\n> b\n> c\nd"],
      ["&lt;&amp;&nbsp;&yuml;&euro;&#65;&#x42;&apos;&lang;", "<&\u00a0\u00ff\u20acAB'\u27e8"],
      ["a&bogus;b&#xd800;c&#X41;", "abc"],
      ["a & b&toolongforanentity;", "a  btoolongforanentity;"],
      ["a&lt", "a"],
      ["a<b", "a"],
      ["a<script>b", "a"],
      ["a<!-- b", "a"],
    ]
  ) {
    assert.equal(htmlText(html), expected, html);
  }
});
