/** How long refused logins are delayed, and for whom. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError } from "../../core/mod.ts";
import { RefusalDelays } from "../../transports/refusal_delays.ts";

test("delays › refusals from one address › double, up to sixteen times the first", () => {
  const delays = new RefusalDelays(100);
  const all = Array.from({ length: 8 }, () => delays.next("tcp 192.0.2.1:4711", 0));
  assert.deepEqual(all, [100, 200, 400, 800, 1600, 1600, 1600, 1600]);
  assert.equal(delays.next("tcp 192.0.2.2:4711", 0), 100);
});

test("delays › very many refusals › stay at the longest delay", () => {
  const delays = new RefusalDelays(100);
  let last = 0;
  for (let at = 0; at < 5000; at++) last = delays.next("tcp 192.0.2.1:1", 0);
  assert.equal(last, 1600);
});

test("delays › addresses of one IPv6 network, and IPv4 written as IPv6 › count together", () => {
  const together = [
    ["tcp [2001:db8:1:2::1]:1", "tcp [2001:DB8:1:2:ffff::]:2", "tcp [2001:db8:1:2:3:4:5:6]:3"],
    ["tcp [2001:db8::1]:1", "tcp [2001:0db8:0:0:9::]:1", "tcp [2001:db8:0:0:1:2:3:4]:5"],
    ["tcp [fe80::1%eth0]:1", "tcp [fe80::2]:1"],
    ["tcp [::ffff:192.0.2.7]:1", "tcp 192.0.2.7:9", "tcp [::FFFF:192.0.2.7]:1"],
    ["tcp [::1]:1", "tcp [::1]:2"],
    ["a client of tcp 192.0.2.1:24245", "a client of tcp 192.0.2.1:24245"],
  ];
  for (const peers of together) {
    const delays = new RefusalDelays(1);
    assert.deepEqual(peers.map((peer) => delays.next(peer, 0)), [1, 2, 4].slice(0, peers.length));
    assert.equal(delays.size, 1);
  }
  const delays = new RefusalDelays(1);
  const apart = ["tcp [2001:db8:1:2::1]:1", "tcp [2001:db8:1:3::1]:1", "tcp [2001:db8:1::]:1"];
  assert.deepEqual(apart.map((peer) => delays.next(peer, 0)), [1, 1, 1]);
});

test("delays › peers that aren't connected over TCP › have none, and aren't remembered", () => {
  const delays = new RefusalDelays(100);
  for (const peer of ["unix /run/doveadm", "memory", "a stream", "unix /tmp/tcp 1.2.3.4:5", ""]) {
    for (let at = 0; at < 3; at++) assert.equal(delays.next(peer, 0), 0);
  }
  assert.equal(delays.size, 0);
});

test("delays › 10 minutes without a refusal › start again", () => {
  const delays = new RefusalDelays(100);
  const peer = "tcp 192.0.2.1:1";
  assert.deepEqual([0, 1, 599_999].map((now) => delays.next(peer, now)), [100, 200, 400]);
  assert.equal(delays.next(peer, 599_999 + 600_000), 100);
  delays.next("tcp 192.0.2.2:1", 10_000_000);
  delays.next("tcp 192.0.2.2:1", 20_000_000);
  assert.equal(delays.size, 2);
});

test("delays › 100,000 addresses › cost bounded memory, and the latest are remembered", () => {
  const delays = new RefusalDelays(100);
  const peer = (at: number) => `tcp 10.${at >> 16}.${(at >> 8) & 255}.${at & 255}:1`;
  for (let at = 0; at < 100_000; at++) {
    assert.equal(delays.next(peer(at), at), 100);
    assert(delays.size <= 10_000);
  }
  assert.equal(delays.next(peer(99_999), 100_000), 200);
  assert.equal(delays.next(peer(0), 100_000), 100);
  // One that comes again and again isn't forgotten for those that come once.
  for (let at = 0; at < 30_000; at++) {
    delays.next(peer(200_000 + at), 100_001);
    if (at % 1000 === 0) delays.next("tcp 192.0.2.1:1", 100_001);
  }
  assert.equal(delays.next("tcp 192.0.2.1:1", 100_001), 1600);
});

test("refusalDelay › NaN, negative, Infinity, no number; 0 › LocalProtocolError; no delay", () => {
  for (const value of [NaN, -1, Infinity, "5" as unknown as number]) {
    assert.throws(() => new RefusalDelays(value), LocalProtocolError);
  }
  const delays = new RefusalDelays(0);
  for (let at = 0; at < 3; at++) assert.equal(delays.next("tcp 192.0.2.1:1", 0), 0);
  assert.equal(delays.size, 0);
});
