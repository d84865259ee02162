/**
 * A client for a server of this machine, in a process whose environment names a proxy.
 *
 * @module
 */

import process from "node:process";
import { DoveadmHttp } from "../../../mod.ts";

for (const url of process.argv.slice(2)) {
  await using client = new DoveadmHttp(url, { password: "hunter2" });
  for (let call = 0; call < 2; call++) console.log(await client.call("who"));
}
