/**
 * The folders of the test programs.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Path of the project's folder. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** Path of the folder for files that can be created again. */
export const CACHE: string = join(ROOT, ".cache");

/** Path of the folder for programs' output, and for test reports. */
export const REPORTS: string = join(CACHE, "reports");
