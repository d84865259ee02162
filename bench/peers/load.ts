/**
 * A bare client that writes commands at once: does what each task says, and answers with how many milliseconds that
 * took.
 *
 * @module
 */

import process from "node:process";
import { encodeCommand } from "../../core/doveadm/command.ts";
import type { Address } from "../../transports/transport.ts";
import { BareDoveadm } from "../bare/bare_doveadm.ts";
import { answerTasks } from "../harness/program.ts";

/** What to do. */
export interface LoadTask {
  readonly address: Address;
  readonly command: Parameters<typeof encodeCommand>[0];
  readonly times: number;
}

await answerTasks<LoadTask>(async ({ address, command, times }) => {
  using client = await BareDoveadm.open(address);
  const begun = performance.now();
  await client.pipeline(encodeCommand(command), times);
  return performance.now() - begun;
});
process.exit();
