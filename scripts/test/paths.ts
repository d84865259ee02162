/**
 * The folders that the programs of the tests work in.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Path of the project's folder. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** Path of the folder for what can be made again. */
export const CACHE: string = join(ROOT, ".cache");

/** Path of the folder for what programs write, and for the reports of their tests. */
export const REPORTS: string = join(CACHE, "reports");
