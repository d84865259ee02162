import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { isHttpTarget, resolveHttpTarget } from "../../../doveadm/http/target.ts";
import { connect, Doveadm, DoveadmHttp, LocalProtocolError } from "../../../mod.ts";

test("HTTP targets › hosts, ports and paths › are read", () => {
  const forms: readonly (readonly [string | URL, string])[] = [
    ["http://host:8080", "http://host:8080/doveadm/v1"],
    ["http://host:8080/", "http://host:8080/doveadm/v1"],
    ["http://host:8080/doveadm/v1", "http://host:8080/doveadm/v1"],
    ["https://host", "https://host/doveadm/v1"],
    ["HTTPS://Host:443", "https://host/doveadm/v1"],
    ["http://192.0.2.1:80/mail/api", "http://192.0.2.1/mail/api"],
    ["http://[2001:db8::1]:99", "http://[2001:db8::1]:99/doveadm/v1"],
    ["https://doveadm:pass@host", "https://host/doveadm/v1"],
    ["http://host?", "http://host/doveadm/v1"],
    ["http://host#", "http://host/doveadm/v1"],
    [new URL("http://host:1"), "http://host:1/doveadm/v1"],
  ];
  for (const [target, url] of forms) {
    assert.equal(resolveHttpTarget(target).url.href, url);
    const client = connect(target);
    assert(client instanceof DoveadmHttp);
    assert.equal(client.peer, url);
  }
});

test("HTTP targets › a name and a password › are read, and don't show", () => {
  const of = (target: string) => {
    const { username, password } = resolveHttpTarget(target);
    return { username, password };
  };
  assert.deepEqual(of("http://host"), { username: undefined, password: undefined });
  assert.deepEqual(of("http://:p@host"), { username: undefined, password: "p" });
  assert.deepEqual(of("http://doveadm:p%40ss%3A%25é@host"), {
    username: "doveadm",
    password: "p@ss:%é",
  });
  const given = new URL("https://doveadm:s3cret@host");
  const client = connect(given);
  assert(!`${inspect(client, { depth: 9, showHidden: true })} ${client.peer}`.includes("s3cret"));
  assert.equal(given.password, "s3cret", "what the caller gave was changed");
});

test("HTTP targets › what is none › a clear error without the password", () => {
  const bad = [
    "http://",
    "http://doveadm:s3cret@",
    "http://doveadm:s3cret@ho st",
    "http://doveadm:s3cret@host:99999",
    "http://doveadm:s3cret@host:0",
    "http://doveadm:s3cret%@host",
    "http://doveadm:s3cret@host/doveadm/v1?user=alice",
    "http://doveadm:s3cret@host#s3cret",
  ];
  for (const target of bad) {
    assert.throws(() => connect(target), (error) => {
      assert(error instanceof LocalProtocolError, `${target}: ${error}`);
      assert.match(error.message, /Use "http:\/\/host:8080" or "https:\/\/host"/);
      assert(!inspect(error, { depth: 9 }).includes("s3cret"), target);
      return true;
    });
  }
  assert.throws(() => resolveHttpTarget("ftp://s3cret@host"), LocalProtocolError);
});

test("HTTP targets › any target › is known for HTTP's or not", () => {
  const not: unknown[] = ["doveadm://host", "doveadm+unix:///x", "httpd", "", 1, null, {}, []];
  for (const target of not) assert(!isHttpTarget(target), String(target));
  for (const target of ["http://a", "https://a", "HTTP://a", new URL("http://a")]) {
    assert(isHttpTarget(target), String(target));
  }
  assert(connect("doveadm://host") instanceof Doveadm);
  assert(connect({ path: "/x" }) instanceof Doveadm);
});
