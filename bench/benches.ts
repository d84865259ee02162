/**
 * All benches by name, in the order of the results.
 *
 * @module
 */

import { bench as bounds } from "./bounds.ts";
import { bench as cold } from "./cold.ts";
import { bench as commands } from "./commands.ts";
import { bench as connections } from "./connections.ts";
import { bench as embedded } from "./embedded.ts";
import { bench as extractor } from "./extractor.ts";
import type { Bench } from "./harness/bench.ts";
import { bench as http_server } from "./http_server.ts";
import { bench as imap_memory } from "./imap_memory.ts";
import { bench as imap_relay } from "./imap_relay.ts";
import { bench as maildir } from "./maildir.ts";
import { bench as parse } from "./parse.ts";
import { bench as pool } from "./pool.ts";
import { bench as replies } from "./replies.ts";
import { bench as rows } from "./rows.ts";
import { bench as save } from "./save.ts";
import { bench as stand_in } from "./stand_in.ts";
import { bench as sweep } from "./sweep.ts";
import { bench as transports } from "./transports.ts";
import { bench as users } from "./users.ts";

/** The benches; each is in the module of `bench/` that has its name. */
export const benches: Readonly<Record<string, Bench>> = {
  ...{ commands, embedded, cold, pool, connections },
  ...{ replies, save, rows, parse, bounds, transports, stand_in, http_server },
  ...{ users, sweep, imap_relay, imap_memory, extractor, maildir },
};
