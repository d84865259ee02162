import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { connect, listen } from "../../transports/mod.ts";
import { clientOf, isExposedAs } from "../../transports/tls/tls.ts";

test("isExposedAs › this machine's addresses and others › only others are exposed", () => {
  const to = (hostname: string) => isExposedAs(clientOf({ transport: "tcp", hostname, port: 1 }));
  const mapped = ["::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:7FFF:FFFF"];
  for (const own of ["localhost", "LOCALHOST", "127.3.2.1", "127.255.249.199", "::1", ...mapped]) {
    assert.equal(to(own), false, own);
  }
  const names = ["mail.example.org", "localhost.example.org", "mail.localhost"];
  // For all of these the systems ask DNS.
  const dotted = ["localhost.", "127.0.0.1.", "127.0.0.256", "127.0.0.999", "127.0.0.08"];
  for (const other of ["192.0.2.1", "1127.0.0.1", "::2", "::ffff:7e00:1", ...names, ...dotted]) {
    assert.equal(to(other), true, other);
  }
  assert.equal(isExposedAs(clientOf({ transport: "unix", path: "/run/x" })), false);
  assert.equal(isExposedAs({ side: "server" }), undefined);
});

test("isExposed › TCP to loopback and to other addresses › true only for the others", async () => {
  const addresses = Object.values(networkInterfaces()).flat().filter((found) => {
    return found?.family === "IPv4" && !found.internal;
  });
  // A machine without a network has no other address.
  for (const hostname of ["127.0.0.1", ...addresses.map((found) => found!.address)]) {
    await using listener = await listen({ transport: "tcp", hostname, port: 0 });
    await using transport = await connect(listener.address);
    assert.equal(transport.isExposed, hostname !== "127.0.0.1", hostname);
  }
});
