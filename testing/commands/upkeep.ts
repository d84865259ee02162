/**
 * The commands that keep a real server's files in order: "force-resync", "index" and "purge". In
 * memory there are none, so that these only look at their arguments.
 *
 * @module
 */

import { CommandFailure } from "../../server/command_failure.ts";
import type { Arguments, Command, Parameter } from "./command.ts";

const mailboxMask: Parameter = { name: "mailbox-mask", type: "string", positional: true };

/** The commands that keep files in order, by name. */
export const upkeepCommands: Readonly<Record<string, Command>> = {
  "force-resync": {
    kind: "mail",
    parameters: [{ name: "fsck", short: "f", type: "flag" }, mailboxMask],
    columns: () => 0,
    check: checkMask,
    run: () => [],
  },
  index: {
    kind: "mail",
    parameters: [
      { name: "queue", short: "q", type: "flag" },
      { name: "max-recent", short: "n", type: "string" },
      mailboxMask,
    ],
    columns: () => 0,
    check(arguments_) {
      const maxRecent = arguments_.text("max-recent");
      if (maxRecent !== undefined && !/^\d+$/.test(maxRecent)) {
        throw new CommandFailure("USAGE", { log: `Invalid -n parameter number: ${maxRecent}` });
      }
      checkMask(arguments_);
    },
    run: () => [],
  },
  purge: { kind: "mail", parameters: [], columns: () => 0, run: () => [] },
};

function checkMask(arguments_: Arguments): void {
  if (arguments_.has("mailbox-mask")) return;
  throw new CommandFailure("USAGE", { log: "No mailbox mask specified" });
}
