/**
 * The commands that maintain a real server's files: "force-resync", "index" and "purge". In memory there
 * are no files, so they only check their arguments.
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { Command } from "./command.ts";

/** The largest number that "index -n" takes. */
const mostRecent = 0xffff_ffff;

/** The commands that maintain files, by name. */
export const upkeepCommands: Readonly<Record<string, Command>> = {
  "force-resync": {
    kind: "mail",
    columns: () => 0,
    check: checkMask,
    run: () => [],
  },
  index: {
    kind: "mail",
    columns: () => 0,
    check(arguments_) {
      const maxRecent = arguments_.text("max-recent");
      const isRight = maxRecent === undefined ||
        (/^\d+$/.test(maxRecent) && Number(maxRecent) <= mostRecent);
      if (!isRight) {
        throw new CommandFailure("USAGE", { log: `Invalid -n parameter number: ${maxRecent}` });
      }
      checkMask(arguments_);
    },
    run: () => [],
  },
  purge: { kind: "mail", columns: () => 0, run: () => [] },
};

function checkMask(arguments_: GivenOptions): void {
  if (arguments_.has("mailbox-mask")) return;
  throw new CommandFailure("USAGE", { log: "No mailbox mask specified" });
}
