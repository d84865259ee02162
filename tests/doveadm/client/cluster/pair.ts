/**
 * Two real servers, each with users of its own, which refer to each other or are proxies for each other.
 *
 * @module
 */

import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import {
  type Dovecot,
  type DovecotVersion,
  startDovecot,
} from "../../../harness/dovecot/dovecot.ts";

/** The addresses of the servers. */
export const hosts = ["127.0.0.2", "127.0.0.3"] as const;

/** The users, and whose server is whose. */
export const homes = { alice: hosts[0], bob: hosts[1] } as const;

/** How a server finds the other one's users. */
export type Link =
  /** It refers to the other server, as 2.4 can. */
  | "referral"
  /** It is a proxy, as 2.3 can. */
  | "proxy"
  /** Only the user database says where a user is. */
  | "userdb";

/** A port that is free at all addresses at this moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const first = await listening(hosts[0], 0);
    const { port } = first!.address() as AddressInfo;
    const second = await listening(hosts[1], port);
    for (const server of [first, second]) {
      await new Promise((resolve) => server === undefined ? resolve(0) : server.close(resolve));
    }
    if (second !== undefined) return port;
  }
}

function listening(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(undefined));
    server.listen(port, host, () => resolve(server));
  });
}

/** Starts the server at an address. */
export function startMember(
  version: DovecotVersion,
  { host, port, link }: { readonly host: string; readonly port: number; readonly link: Link },
): Promise<Dovecot> {
  return startDovecot({
    ...{ version, users: Object.keys(homes), mail: {}, hasClients: true },
    extraConfig(folder) {
      // Before the server answers anybody.
      addFields(join(folder, "passwd"), host, link);
      return `
${link === "userdb" ? "" : `doveadm_port = ${port}`}
service doveadm {
  inet_listener cluster {
    ${version === "2.4" ? "listen" : "address"} = ${host}
    port = ${port}
  }
}
`;
    },
  });
}

/** Adds to a server's user database whose server is whose. */
function addFields(path: string, host: string, link: Link): void {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n").map((line) => {
    const home = homes[line.split(":")[0] as keyof typeof homes];
    return line + fieldsFor(link, home, home === host) + "\n";
  });
  writeFileSync(path, lines.join(""));
}

/** The fields of a user whose server is at an address. */
function fieldsFor(link: Link, home: string, isHere: boolean): string {
  if (link === "userdb") return `userdb_host=${home}`;
  if (link === "proxy") return `proxy_maybe=y host=${home}`;
  return isHere ? "" : `nologin=y host=${home}`;
}
