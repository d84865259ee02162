import assert from "node:assert/strict";
import { test } from "node:test";
import { nextKeepalive } from "../../core/imap/mod.ts";
import { keepalivePhase } from "../../imap/keepalive_phase.ts";

const interval = 120_000;

/** When a client's keepalives are due, in milliseconds after a multiple of the interval, by the clock. */
function dueAt(peer: string, user: string): number {
  const phase = keepalivePhase(peer, user);
  const due = nextKeepalive(performance.now(), interval, { phase });
  return Math.round(due + Date.now() - performance.now()) % interval;
}

/** Whether two times are the same, but for the clock's own changes. */
function isSame(one: number, other: number): boolean {
  const apart = Math.abs(one - other);
  return Math.min(apart, interval - apart) < 900;
}

test("keepalivePhase › of one public address › is the same for all of its users", () => {
  const ports = ["tcp 192.0.2.1:1", "tcp 192.0.2.1:2", "a client of tcp 192.0.2.1:3"];
  const times = ports.map((peer, at) => dueAt(peer, `user ${at}`));
  assert(isSame(times[0], times[1]) && isSame(times[0], times[2]), String(times));
  const ipv6 = ["tcp [2001:db8::1]:1", "tcp [2001:db8::2]:1"].map((peer) => dueAt(peer, "alice"));
  assert(isSame(ipv6[0], ipv6[1]), String(ipv6));
});

test("keepalivePhase › where many clients share an address › is the same for all connections of a user", () => {
  const peers = [
    "tcp 10.0.0.1:1",
    "tcp 127.0.0.1:1",
    "tcp 172.16.0.1:1",
    "tcp 172.31.255.1:1",
    "tcp 192.168.1.1:1",
    "tcp 169.254.1.1:1",
    "tcp [::1]:1",
    "tcp [fd00::1]:1",
    "tcp [fe80::1%eth0]:1",
    "tcp [::ffff:10.0.0.1]:1",
    "unix /run/imap",
    "memory",
  ];
  const [first, ...others] = peers.map((peer) => dueAt(peer, "alice"));
  others.forEach((time, at) => assert(isSame(first, time), peers[at + 1]));
});

test("keepalivePhase › of different clients › are spread over the interval", () => {
  const seconds = new Set<number>();
  for (let at = 0; at < 1000; at++) {
    seconds.add(Math.floor(dueAt("tcp 127.0.0.1:1", `user${at}@example.org`) / 1000));
  }
  assert(seconds.size > 110, `${seconds.size} of 120`);
});
