import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { resolveTarget } from "../../../doveadm/client/target.ts";
import { connect, Doveadm, DoveadmHttp, LocalProtocolError } from "../../../mod.ts";

const tcp = (hostname: string, port: number) => ({ transport: "tcp", hostname, port });

test("targets › TCP by name, IPv4 and IPv6, with and without a port › the address", () => {
  assert.deepEqual(
    resolveTarget("doveadm://mail.example.com:1234").address,
    tcp("mail.example.com", 1234),
  );
  assert.deepEqual(resolveTarget("doveadm://192.0.2.1").address, tcp("192.0.2.1", 24245));
  assert.deepEqual(
    resolveTarget(new URL("doveadm://[2001:db8::1]:99/")).address,
    tcp("2001:db8::1", 99),
  );
  assert.deepEqual(resolveTarget({ hostname: "localhost" }).address, tcp("localhost", 24245));
  assert.deepEqual(resolveTarget({ hostname: "::1", port: 1 }).address, tcp("::1", 1));
  assert.equal(connect({ hostname: "::1", port: 1 }).peer, "tcp [::1]:1");
});

test("targets › UNIX sockets with escaped characters › the path", () => {
  const path = "/run/dove cot/döveadm?#%";
  const url = `doveadm+unix://${encodeURI("/run/dove cot/döveadm")}%3F%23%25`;
  assert.deepEqual(resolveTarget(url).address, { transport: "unix", path });
  assert.deepEqual(resolveTarget({ path }).address, { transport: "unix", path });
  assert.equal(connect({ path }).peer, `unix ${path}`);
});

test("targets › URLs and objects of all kinds › how they are encrypted", () => {
  for (
    const [target, security] of [
      ["doveadm://host", "none"],
      ["doveadms://host", "tls"],
      ["doveadm+starttls://host", "starttls"],
      ["doveadm+unix:///run/dovecot/doveadm-server", "none"],
      [{ hostname: "host" }, "none"],
      [{ hostname: "host", tls: true }, "tls"],
      [{ path: "/run/dovecot/doveadm-server" }, "none"],
    ] as const
  ) {
    assert.equal(resolveTarget(target).security, security, inspect(target));
  }
  assert.deepEqual(resolveTarget("doveadms://host").address, tcp("host", 24245));
  assert.throws(
    () => connect("doveadms://host", { starttls: "required" }),
    /TLS from the first byte, and has no use for "starttls"/,
  );
});

test("targets › a password without TLS › only to this machine, unless allowed", () => {
  const password = "hunter2";
  for (
    const target of [
      "doveadm://192.0.2.1",
      "doveadm://mail.example.com:1",
      "doveadm://[2001:db8::1]",
      "doveadm://127.0.0.1.example.com",
      "doveadm://localhost.example.com",
      "doveadm://dovecot.localhost",
      { hostname: "0.0.0.0" },
      "http://mail.example.com",
      "http://[2001:db8::1]:8080",
    ]
  ) {
    for (
      const options of [
        { password },
        { password, allowPlaintextPassword: false },
        { password, tls: { dangerouslyTrustAnyCertificate: true } },
      ]
    ) {
      assert.throws(() => connect(target, options), (error) => {
        assert(error instanceof LocalProtocolError, `${inspect(target)}: ${error}`);
        assert.match(
          error.message,
          /unencrypted.*(doveadms|https):\/\/.*UNIX.*allowPlaintextPassword/s,
        );
        assert(!inspect(error).includes(password));
        return true;
      });
    }
    connect(target);
    connect(target, { password, allowPlaintextPassword: true });
  }
  assert.throws(() => connect("doveadm://doveadm:hunter2@host"), LocalProtocolError);
  assert.throws(
    () => connect("http://host", { apiKey: password }),
    /The key would be sent to http:/,
  );
  for (
    const target of [
      "doveadm://127.0.0.1",
      "doveadm://127.1.2.3:1",
      "doveadm://LOCALHOST",
      "doveadm://[::1]",
      { hostname: "::ffff:127.0.0.1" },
      { path: "/run/dovecot/doveadm-server" },
      "doveadms://mail.example.com",
      "doveadm+starttls://mail.example.com",
      { hostname: "mail.example.com", tls: true },
      "http://127.0.0.1:8080",
      "https://mail.example.com",
    ]
  ) {
    connect(target, { password });
  }
  connect("doveadm://mail.example.com", { password, starttls: "required" });
});

test("targets › a password in the URL › is decoded", () => {
  const { address, password } = resolveTarget("doveadm://doveadm:p%40ss%3A@host");
  assert.deepEqual(address, tcp("host", 24245));
  assert.equal(password, "p@ss:");
});

test("targets › invalid ones › an error without the password", () => {
  const bad = [
    "",
    "host:24245",
    "localhost",
    "/run/dovecot/doveadm-server",
    "doveadm://",
    "doveadm://host/path",
    "doveadm://host?starttls",
    "doveadm+unix://",
    "doveadm+unix://host/path",
    "doveadms://host/path",
    "doveadm+starttls://",
    "doveadm+tls://host",
    "ftp://u:hunter2@host/",
    "doveadm://u:hunter2@host/x",
    "doveadm://u:hunter2@host:99999",
    "doveadm://u:hunter2@host:0",
    "doveadms://u:hunter2@host:00",
    "doveadm://u:hunter2%zz@host",
    "doveadm://u%3Ahunter2%40host",
    "doveadm+unix:///run/%zz",
    { hostname: "" },
    { hostname: "doveadm://u:hunter2@host" },
    { hostname: "u:hunter2@host" },
    { hostname: "host", port: 0 },
    { hostname: "host", port: 1.5 },
    { hostname: "host", port: 65_536 },
    { path: "" },
  ];
  for (const target of bad) {
    assert.throws(() => connect(target), (error) => {
      assert(error instanceof LocalProtocolError, `${inspect(target)}: ${error}`);
      assert(!error.sent);
      assert(!inspect(error).includes("hunter2"), inspect(error));
      return true;
    });
  }
});

test("targets › doveadm and HTTP URLs › each has its client", () => {
  assert(connect("http://host/doveadm/v1") instanceof DoveadmHttp);
  assert(connect("https://host") instanceof DoveadmHttp);
  assert(connect("doveadm://127.0.0.1") instanceof Doveadm);
  assert(connect({ path: "/run/dovecot/doveadm-server" }) instanceof Doveadm);
  assert.throws(() => new Doveadm("http://host"), /Use connect\(\), which returns a DoveadmHttp/);
  assert.throws(() => new DoveadmHttp("doveadm://host"), LocalProtocolError);
});

test("targets › invalid options › an error at once", () => {
  assert.throws(() => connect("doveadm://host", { maxConnections: 0 }), LocalProtocolError);
});
