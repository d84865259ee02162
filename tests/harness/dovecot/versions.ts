/**
 * The versions of Dovecot for tests of what runtimes do.
 *
 * @module
 */

import { isSoak } from "../soak.ts";
import type { DovecotVersion } from "./dovecot.ts";

/**
 * The versions for a test of many ways to a real server: the ways differ between runtimes, what the servers answer
 * doesn't. Deno and Bun have 2.4, and Node has 2.3; at full size all have both.
 */
export const versionsHere: readonly DovecotVersion[] = isSoak
  ? ["2.3", "2.4"]
  : "Deno" in globalThis || "Bun" in globalThis
  ? ["2.4"]
  : ["2.3"];
