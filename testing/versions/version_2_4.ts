/**
 * The embedded server as a Dovecot 2.4.
 *
 * @module
 */

import type { ServerVersion } from "./version.ts";
import { fetchFields24 } from "./version_2_4/fetch_fields.ts";
import { parseArguments24 } from "./version_2_4/arguments.ts";
import { savingCommands24 } from "./version_2_4/saving.ts";
import { userCommands24 } from "./version_2_4/users.ts";
import { version23 } from "./version_2_3.ts";

/** Dovecot 2.4. */
export const version24: ServerVersion = {
  minor: 3,
  commands: {
    ...version23.commands,
    ...userCommands24,
    ...savingCommands24,
  },
  rules: { version: "2.4", ignoresMissing: true, fetchFields: fetchFields24 },
  hasReferrals: true,
  parseArguments: parseArguments24,
  // "-u" selects nobody, as in 2.3.
  selectUsers({ system, request: { user: name = "" }, arguments: arguments_ }) {
    const areAll = arguments_.has("all-users");
    const users = areAll
      ? [...system.users].map(([name, user]) => ({ name, user }))
      : [{ name, user: system.findUser(name) }];
    return { users, hasColumn: areAll, areAll };
  },
};
