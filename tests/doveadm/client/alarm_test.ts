import assert from "node:assert/strict";
import { test } from "node:test";
import { Alarm } from "../../../doveadm/client/alarm.ts";
import { VirtualClock } from "../../harness/virtual_clock.ts";

function alarmOn(clock: VirtualClock): { alarm: Alarm; calls: number[] } {
  const calls: number[] = [];
  return { alarm: new Alarm(() => calls.push(clock.now()), clock), calls };
}

test("alarm › several times › calls back by the earliest, with one timer", async () => {
  const clock = new VirtualClock();
  const { alarm, calls } = alarmOn(clock);
  for (const time of [50, 30, 40, Infinity]) {
    alarm.callBy(time);
    assert.equal(clock.timers, 1);
  }
  await clock.advance(100);
  assert.deepEqual(calls, [30]);
  assert.equal(clock.timers, 0);
});

test("alarm › another time after a call › calls back again", async () => {
  const clock = new VirtualClock();
  const { alarm, calls } = alarmOn(clock);
  alarm.callBy(30);
  await clock.advance(40);
  // A time that is over counts at once.
  alarm.callBy(35);
  await clock.advance(10);
  alarm.callBy(60);
  await clock.advance(100);
  assert.deepEqual(calls, [30, 40, 60]);
});

test("alarm › no time, or stopped › has no timer and never calls back", async () => {
  const clock = new VirtualClock();
  const { alarm, calls } = alarmOn(clock);
  alarm.callBy(Infinity);
  assert.equal(clock.timers, 0);
  alarm.callBy(30);
  alarm.stop();
  alarm.callBy(20);
  assert.equal(clock.timers, 0);
  await clock.advance(100);
  assert.deepEqual(calls, []);
});
