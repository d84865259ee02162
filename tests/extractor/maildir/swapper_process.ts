/**
 * Replaces a directory by a link and restores it, as fast as possible, until it is killed: run by
 * `swapped_test.ts`, with the paths of the directory and of the link's target.
 *
 * @module
 */

import { renameSync, symlinkSync } from "node:fs";
import { argv, stdout } from "node:process";

const [, , directory, target] = argv;
const [link, aside] = [`${directory}~link`, `${directory}~aside`];
symlinkSync(target, link);
stdout.write("ready\n");
for (;;) {
  renameSync(directory, aside);
  renameSync(link, directory);
  renameSync(directory, link);
  renameSync(aside, directory);
}
