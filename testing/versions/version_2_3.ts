/**
 * The embedded server as a Dovecot 2.3.
 *
 * @module
 */

import { parseOptions } from "../../core/doveadm/catalogue/mod.ts";
import { fetchFields } from "../commands/fetch_fields.ts";
import { flagCommands } from "../commands/flags.ts";
import { mailboxCommands } from "../commands/mailboxes.ts";
import { mailCommands } from "../commands/mails.ts";
import { quotaCommands } from "../commands/quota.ts";
import { savingCommands } from "../commands/saving.ts";
import { upkeepCommands } from "../commands/upkeep.ts";
import { userCommands } from "../commands/users.ts";
import { hasWildcards } from "../mailboxes/wildcards.ts";
import type { ServerVersion } from "./version.ts";

/** Dovecot 2.3. */
export const version23: ServerVersion = {
  minor: 2,
  commands: {
    ...userCommands,
    ...quotaCommands,
    ...mailboxCommands,
    ...mailCommands,
    ...savingCommands,
    ...flagCommands,
    ...upkeepCommands,
  },
  rules: { version: "2.3", ignoresMissing: false, fetchFields },
  hasReferrals: false,
  parseArguments: parseOptions,
  // "-A" and "-u" with a mask select nobody: they only put the name of the request's user into the rows.
  selectUsers({ system, request: { user: name = "" }, arguments: arguments_ }) {
    const hasColumn = arguments_.has("all-users") || hasWildcards(arguments_.text("user") ?? "");
    return { users: [{ name, user: system.findUser(name) }], hasColumn, areAll: false };
  },
};
