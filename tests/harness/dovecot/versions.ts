/**
 * The versions of Dovecot for tests of what runtimes do.
 *
 * @module
 */

import { isSoak } from "../soak.ts";
import type { DovecotVersion } from "./dovecot.ts";

/**
 * The versions for a test of many ways to a real server: the ways differ between runtimes, what the servers answer
 * doesn't. Node has both, Deno and Bun have one each; at full size all have both.
 */
export const versionsHere: readonly DovecotVersion[] = isSoak
  ? ["2.3", "2.4"]
  : "Deno" in globalThis
  ? ["2.4"]
  : "Bun" in globalThis
  ? ["2.3"]
  : ["2.3", "2.4"];
