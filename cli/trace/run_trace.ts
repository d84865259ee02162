/**
 * `dovewire trace`: decodes conversations of the doveadm protocol, recorded or live.
 *
 * @module
 */

import { type ResolvedTarget, resolveTarget } from "@dovewire/dovewire";
import { encodeUtf8 } from "@dovewire/dovewire/core";
import {
  type Address,
  connect,
  type ConnectOptions,
  listen,
  type Listener,
} from "@dovewire/dovewire/transports";
import { basename } from "node:path";
import process from "node:process";
import { countOf } from "../command_line/numbers.ts";
import type { GivenOptions } from "../command_line/parse.ts";
import { UsageError } from "../command_line/usage_error.ts";
import type { Surroundings } from "../run/run_command.ts";
import { readConfig } from "../servers/config.ts";
import { listenPlaceOf } from "../servers/listen_address.ts";
import { readCa } from "../servers/open_server.ts";
import { refuseSecret, serverOf } from "../servers/server_choice.ts";
import { Conversations, type Entry } from "./conversations.ts";
import { checkWritable, chunksOf, writeWhole } from "./files.ts";
import { HtmlPage } from "./html_page.ts";
import { runProxy } from "./proxy.ts";
import { Recorder } from "./recorder.ts";
import { readRecording } from "./recording.ts";
import { readRawSides } from "./raw_files.ts";
import type { Step } from "./step.ts";
import { TextTrace } from "./text_trace.ts";

/** How many characters of a value are shown, if there is no other number; and the most of them. */
const usualField = 300;
const mostField = 1_000_000;

const usage = "Name a FILE, or --from-client and --from-server, or --live LISTEN TARGET.";

/** Decodes what the options name. */
export async function runTrace(
  options: GivenOptions,
  args: readonly string[],
  to: Surroundings,
): Promise<void> {
  const isLive = options.has("live");
  const raw = { client: last(options, "from-client"), server: last(options, "from-server") };
  const hasRaw = raw.client !== undefined || raw.server !== undefined;
  const maxShown = maxShownOf(options);
  if (isLive && hasRaw) {
    throw new UsageError("--live and files can't be traced at the same time. Leave one out.");
  }
  if (!isLive && options.has("record")) {
    throw new UsageError("--record notes what --live passes on. Add --live LISTEN TARGET.");
  }
  const wanted = isLive ? 2 : hasRaw ? 0 : 1;
  if (args.length !== wanted) {
    const got = args.length === 1 ? "1 argument" : `${args.length} arguments`;
    throw new UsageError(
      isLive
        ? `--live needs LISTEN and TARGET, and got ${got}.`
        : `"dovewire trace" got ${got}. ${usage}`,
    );
  }
  if (raw.client === "-" && raw.server === "-") {
    throw new UsageError(
      "Standard input has the bytes of one side only. Use a file for the other.",
    );
  }
  const page = last(options, "html");
  if (page !== undefined && page !== "-") await checkWritable(page);
  if (isLive) return await traceLive(options, args, maxShown, to);
  const sink = new Sink(options, titleOf(args[0], raw), to, false);
  if (hasRaw) {
    const { client, server } = raw;
    const sides = {
      client: client === undefined ? undefined : chunksOf(client, to.signal),
      server: server === undefined ? undefined : chunksOf(server, to.signal),
    };
    for await (const entry of readRawSides(sides, maxShown)) await sink.take(entry);
  } else {
    const [file] = args;
    const conversations = new Conversations(maxShown);
    const name = file === "-" ? "standard input" : file;
    for await (const step of readRecording(chunksOf(file, to.signal), name)) {
      for (const entry of conversations.take(step)) await sink.take(entry);
      if (to.signal.aborted) break;
    }
    for (const entry of conversations.end()) await sink.take(entry);
  }
  await sink.end();
}

function last(options: GivenOptions, name: string): string | undefined {
  return options.get(name)?.at(-1);
}

function maxShownOf(options: GivenOptions): number {
  const shown = countOf(options, "max-field", 1) ?? usualField;
  if (shown <= mostField) return shown;
  throw new UsageError(`--max-field is ${shown}. Set it to ${mostField} at most.`);
}

function titleOf(
  file: string | undefined,
  raw: { readonly client: string | undefined; readonly server: string | undefined },
): string {
  if (file === "-") return "Trace of standard input";
  const names = [file, raw.client, raw.server].filter((name) => name !== undefined);
  return `Trace of ${names.map((name) => basename(name)).join(" and ")}`;
}

/** Where entries go: text, or a page, or with --live both. */
class Sink {
  readonly #to: Surroundings;
  readonly #text: TextTrace | undefined;
  readonly #page: HtmlPage | undefined;
  readonly #path: string | undefined;

  constructor(options: GivenOptions, title: string, to: Surroundings, isLive: boolean) {
    this.#to = to;
    this.#path = last(options, "html");
    this.#page = this.#path === undefined ? undefined : new HtmlPage(title);
    const hasColors = to.output.isTerminal && !process.env.NO_COLOR && process.env.TERM !== "dumb";
    const hasText = this.#path === undefined || (isLive && this.#path !== "-");
    this.#text = hasText ? new TextTrace({ hasColors }) : undefined;
  }

  /** Shows an entry. */
  async take(entry: Entry): Promise<void> {
    this.#page?.add(entry);
    if (this.#text !== undefined) await this.#print(this.#text.linesOf(entry));
  }

  /** Writes the page, if there is one. */
  async end(): Promise<void> {
    if (this.#page === undefined || this.#path === undefined) return;
    const html = this.#page.toString();
    if (this.#path === "-") await this.#print(html);
    else await writeWhole(this.#path, html);
  }

  async #print(text: string): Promise<void> {
    await this.#to.output.write(encodeUtf8(text));
  }
}

async function traceLive(
  options: GivenOptions,
  [place, name]: readonly string[],
  maxShown: number,
  to: Surroundings,
): Promise<void> {
  const { address, connectOptions } = await targetOf(name, options);
  const listener = await listenAt(place);
  try {
    const path = last(options, "record");
    await using recorder = path === undefined ? undefined : await Recorder.create(path);
    announce(listener.address, address, path, to);
    const conversations = new Conversations(maxShown);
    const sink = new Sink(options, `Trace of ${addressText(address)}`, to, true);
    const onStep = async (step: Step) => {
      // Decoded at once: what a side answers comes later than what it answers to.
      const entries = [...conversations.take(step)];
      await recorder?.write(step);
      for (const entry of entries) await sink.take(entry);
      await to.output.flush();
    };
    await runProxy({
      ...{ listener, onStep, signal: to.signal },
      connect: (signal) => connect(address, { ...connectOptions, signal }),
    });
    await sink.end();
  } finally {
    await listener.close();
  }
}

/** Where the server is that a name stands for, and how to connect to it. */
async function targetOf(
  text: string,
  options: GivenOptions,
): Promise<{ readonly address: Address; readonly connectOptions: ConnectOptions }> {
  refuseSecret(text);
  const server = serverOf(text, await readConfig(last(options, "config")));
  if (/^https?:/.test(server.url)) {
    throw new UsageError(
      `${server.name} is reached over HTTP, and this is about doveadm's own protocol. Name its doveadm port.`,
    );
  }
  const { address, security }: ResolvedTarget = resolveTarget(server.url);
  if (security === "starttls") {
    throw new UsageError(
      `${server.name} is reached by STARTTLS, which is part of the conversation: what the client encrypts can't ` +
        "be decoded. Use doveadms:// for a port with TLS, to which the trace connects itself, or doveadm:// to " +
        "see what comes before TLS.",
    );
  }
  if (security === "none") return { address, connectOptions: {} };
  const ca = last(options, "ca") ?? server.ca;
  return {
    address,
    connectOptions: { tls: ca === undefined ? {} : { caCerts: [await readCa(ca)] } },
  };
}

async function listenAt(text: string): Promise<Listener> {
  const place = listenPlaceOf(text, "LISTEN");
  return await listen(
    "path" in place ? { transport: "unix", path: place.path } : { transport: "tcp", ...place },
  );
}

/** Says where it listens, and what is to be known before anybody connects. */
function announce(
  at: Address,
  target: Address,
  recording: string | undefined,
  { reporter }: Surroundings,
): void {
  if (at.transport === "tcp" && target.transport === "unix") {
    reporter.note(
      "everybody who can connect to this port gets to the server's socket, and can run any command if that asks " +
        "for no password.",
    );
  }
  if (recording !== undefined) {
    reporter.note(`${recording} gets all bytes as they are, passwords too.`);
  }
  reporter.note(`listening at ${addressText(at)} for ${addressText(target)}`);
}

function addressText(address: Address): string {
  if (address.transport === "unix") return address.path;
  const { hostname, port } = address;
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
