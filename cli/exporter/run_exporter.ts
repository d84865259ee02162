/**
 * `dovewire exporter`: metrics for Prometheus over HTTP, from a cache.
 *
 * @module
 */

import { encodeUtf8, messageOf } from "@dovewire/dovewire/core";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { countOf, jobsOf, timeOf } from "../command_line/numbers.ts";
import type { GivenOptions } from "../command_line/parse.ts";
import { UsageError } from "../command_line/usage_error.ts";
import { pause, untilAborted } from "../program/waiting.ts";
import type { Surroundings } from "../run/run_command.ts";
import { listenPlaceOf } from "../servers/listen_address.ts";
import { openServer } from "../servers/open_server.ts";
import { chooseServers } from "../servers/server_choice.ts";
import { Collector } from "./collector.ts";
import { contentType, renderMetrics } from "./render.ts";

/** Options' values if they are left out; times are in milliseconds. */
const usual = {
  listen: "127.0.0.1:9166",
  interval: 60_000,
  mailInterval: 900_000,
  quotaUsers: 100,
  probe: 10_000,
};

/** How many connections there may be. */
const mostScrapers = 100;

/** After how long without a byte a connection is closed, in milliseconds. */
const silence = 60_000;

/** Serves metrics until the signal aborts; with `--once` prints them. */
export async function runExporter(
  options: GivenOptions,
  print: (text: string) => Promise<void>,
  { reporter, signal }: Surroundings,
): Promise<void> {
  const place = listenPlaceOf(options.get("listen")?.at(-1) ?? usual.listen);
  const interval = timeOf(options, "interval", 1) ?? usual.interval;
  const servers = await chooseServers(options, undefined);
  const collectors = servers.map((server) =>
    new Collector({
      server: server.name,
      open: () =>
        openServer(server, {
          ...{
            timeout: timeOf(options, "time-limit"),
            maxConnections: jobsOf(options),
          },
          ...{ signal, askPassword: () => Promise.resolve(undefined) },
        }),
      quotaUsers: countOf(options, "quota-users", 0) ?? usual.quotaUsers,
      mailboxes: options.get("mailbox") ?? [],
      hasReplication: options.has("replication"),
      mailInterval: timeOf(options, "mail-interval", 1) ?? usual.mailInterval,
      probeTimeout: usual.probe,
      onError: (error, query) => reporter.note(`${server.name}: ${query}: ${messageOf(error)}`),
      signal,
    })
  );
  const render = () => renderMetrics(collectors.map(({ snapshot }) => snapshot));
  try {
    if (options.has("once")) {
      await Promise.all(collectors.map((collector) => collector.refresh()));
      return await print(await render());
    }
    let text = encodeUtf8(await render());
    let rendered = Promise.resolve();
    // One after the other, so that the last one has the latest answers of all servers.
    const update = () =>
      rendered = rendered.then(async () => {
        text = encodeUtf8(await render());
      });
    const server = await startHttp(place, () => text);
    reporter.note(`Metrics are at ${addressOf(server)}.`);
    await Promise.all(collectors.map(async (collector) => {
      while (!signal.aborted) {
        await collector.refresh();
        await update();
        await pause(interval, signal);
      }
    }));
    await untilAborted(signal);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  } finally {
    await Promise.all(collectors.map((collector) => collector.close()));
  }
}

/**
 * Listens for Prometheus; rejects with a `UsageError` if that is impossible. The text is encoded already: those
 * who read slowly share its bytes.
 */
export function startHttp(
  place: ReturnType<typeof listenPlaceOf>,
  text: () => Uint8Array,
): Promise<Server> {
  const server = createServer((request, response) => {
    const isRead = request.method === "GET" || request.method === "HEAD";
    // A proxy may be asked by a whole URL, and any server has to take it.
    const path = request.url?.replace(/^https?:\/\/[^/?]*/i, "").split("?")[0];
    const status = !isRead ? 405 : path === "/metrics" ? 200 : path === "/" ? 302 : 404;
    const headers = {
      "content-type": contentType,
      ...(status === 405 ? { allow: "GET, HEAD" } : {}),
      ...(status === 302 ? { location: "/metrics" } : {}),
    };
    response.writeHead(status, headers);
    response.end(status === 200 && request.method === "GET" ? text() : undefined);
  });
  server.maxConnections = mostScrapers;
  server.timeout = silence;
  return new Promise((resolve, reject) => {
    // Later ones are of connections that couldn't be accepted.
    server.on("error", (error) => {
      reject(new UsageError(`The exporter can't listen: ${messageOf(error)}`, { cause: error }));
    });
    const onListening = () => resolve(server);
    if ("path" in place) server.listen(place.path, onListening);
    else server.listen(place.port, place.hostname, onListening);
  });
}

/** Where a server listens, for messages. */
export function addressOf(server: Server): string {
  const address = server.address() as AddressInfo | string;
  if (typeof address === "string") return address;
  const { address: host, port } = address;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}/metrics`;
}
