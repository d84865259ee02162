import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig, readConfig } from "../../cli/servers/config.ts";
import { readCa } from "../../cli/servers/open_server.ts";
import { readSmallFile } from "../../cli/servers/small_file.ts";
import { AbortError } from "../../core/mod.ts";
import { listenPlaceOf } from "../../cli/servers/listen_address.ts";
import { secretOfCommand, secretOfFile } from "../../cli/servers/secret.ts";
import { chooseServers, serverOf } from "../../cli/servers/server_choice.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { runWords } from "./run.ts";

const file = "/etc/dovewire/config.json";

function parse(config: unknown) {
  return parseConfig(JSON.stringify(config), file);
}

test("configuration › servers by name › are found, with paths from the file's folder", () => {
  const config = parse({
    default: ["mx1", "mx2"],
    servers: {
      mx1: { url: "doveadms://mx1", passwordFile: "mx1.password", ca: "/ca.pem" },
      mx2: { url: "https://mx2", apiKeyFile: "../key", allowPlaintextPassword: true },
    },
  });
  assert.deepEqual(config.default, ["mx1", "mx2"]);
  assert.deepEqual(serverOf("mx1", config), {
    ...{ name: "mx1", url: "doveadms://mx1" },
    ...{ passwordFile: "/etc/dovewire/mx1.password", ca: "/ca.pem" },
  });
  assert.equal(serverOf("mx2", config).apiKeyFile, "/etc/key");
  assert.throws(() => serverOf("mx3", config), /no server "mx3".*Did you mean "mx1" or "mx2"/);
  assert.throws(() => serverOf("__proto__", config), /no server "__proto__"/);
});

test("servers › a URL without its scheme, or with a wrong one › the error has no password", () => {
  for (const start of ["", "doveadm//", "doveadm:/", "doveadm:"]) {
    const call = () => serverOf(`${start}doveadm:s3cr@et@mx1:24245`, parse({}));
    assert.throws(call, /There is no server "…@mx1:24245" in the configuration/);
  }
});

test("configuration › mistakes › are named", () => {
  const cases: readonly (readonly [config: unknown, message: RegExp])[] = [
    [[], /not an object/],
    [{ server: {} }, /no key "server"/],
    [{ servers: [] }, /"servers" is not an object/],
    [{ servers: { a: "doveadm://a" } }, /server "a" is not an object/],
    [{ servers: { a: {} } }, /server "a" has no "url"/],
    [{ servers: { a: { url: 1 } } }, /"url" that is not a string/],
    [{ servers: { a: { url: "x", password: "s3cret" } } }, /"password", which means nothing/],
    [{ servers: { a: { url: "x", allowPlaintextPassword: "yes" } } }, /not a boolean/],
    [{ default: "b", servers: { a: { url: "x" } } }, /"default" names "b"/],
    [{ default: [1] }, /"default" names 1/],
  ];
  for (const [config, message] of cases) {
    assert.throws(() => parse(config), (error) => {
      assert.match((error as Error).message, message);
      assert.match((error as Error).message, /\/etc\/dovewire\/config\.json/);
      assert.doesNotMatch((error as Error).message, /s3cret/);
      return true;
    });
  }
  for (const text of ["{", '{"servers": {"a": {"url": "doveadm://:s3cret@mx1"} x', "s3cret"]) {
    assert.throws(() => parseConfig(text, file), (error: Error) => {
      return /not JSON/.test(error.message) && !error.message.includes("s3cret");
    });
  }
});

test("servers › in each form › have a URL", () => {
  const config = parse({});
  const urls: Readonly<Record<string, string>> = {
    "/run/dovecot/doveadm-server": "doveadm+unix:///run/dovecot/doveadm-server",
    "/run/a b%?#": "doveadm+unix:///run/a%20b%25%3F%23",
    "mx1:24245": "doveadm://mx1:24245",
    "[::1]:24245": "doveadm://[::1]:24245",
    "https://mx1": "https://mx1",
  };
  for (const [text, url] of Object.entries(urls)) assert.equal(serverOf(text, config).url, url);
  for (const text of ["mx1", "", "mx1:", "mx1:x", "a b:1"]) {
    assert.throws(() => serverOf(text, config));
  }
  // It is shown in messages and rows.
  assert.equal(serverOf("doveadm://doveadm:s3cret@mx1", config).name, "doveadm://mx1");
});

test("servers › a password in the arguments › is refused", async () => {
  const options = new Map([["server", ["doveadm://doveadm:s3cret@mx1"]], ["config", [
    "/dev/null",
  ]]]);
  await assert.rejects(chooseServers(options, undefined), /not JSON/);
  options.delete("config");
  await assert.rejects(chooseServers(options, undefined), (error) => {
    assert.match((error as Error).message, /other users of this machine can see/);
    assert.doesNotMatch((error as Error).message, /s3cret/);
    return true;
  });
  const urls = ["http://x:s3cret@mx1", "doveadm://:s3/cret@mx1", "doveadm://x:s3@cret@mx1"];
  for (const url of urls) await assert.rejects(chooseServers(new Map(), url), /can see/);
  const [socket] = await chooseServers(new Map(), "doveadm+unix:///run/a:b@c");
  assert.equal(socket.name, "doveadm+unix:///run/a:b@c");
});

test("servers › one named twice › is asked once", async () => {
  const options = new Map([["server", ["mx1:1", "mx2:1", "mx1:1"]]]);
  const servers = await chooseServers(options, undefined);
  assert.deepEqual(servers.map(({ name }) => name), ["mx1:1", "mx2:1"]);
});

test("passwords › of files and commands › are their first lines", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "password");
  await writeFile(path, "s3cret with space \r\nmore\n");
  assert.equal(await secretOfFile(path), "s3cret with space ");
  assert.equal(await secretOfCommand(`cat ${path}`), "s3cret with space ");
  await writeFile(path, "\n");
  await assert.rejects(secretOfFile(path), /no password in its first line/);
  await assert.rejects(secretOfFile(join(folder.path, "none")), /can't be read/);
  await assert.rejects(secretOfFile("/dev/zero"), /too large/);
  await assert.rejects(secretOfCommand("true"), /no password in its first line/);
  await assert.rejects(secretOfCommand("echo s3cret; exit 3"), (error) => {
    assert.match((error as Error).message, /exit status 3/);
    assert.doesNotMatch((error as Error).message, /s3cret/);
    return true;
  });
  await assert.rejects(secretOfCommand("yes | head -c 1000000"), /command ended with/);
});

test("configuration › a missing file › is an error only if it was named", async () => {
  await assert.rejects(readConfig("/nonexistent/config.json"), /can't be read/);
});

test("configuration › a folder, or a file without an end › is refused", async () => {
  await assert.rejects(readConfig("/tmp"), /can't be read/);
  await assert.rejects(readConfig("/dev/zero"), /more than 16777216 bytes/);
  await assert.rejects(readCa("/tmp"), /can't be read/);
  await assert.rejects(readCa("/dev/zero"), /more than 16777216 bytes/);
});

test("configuration › names such as __proto__ › are names, or keys that mean nothing", () => {
  const parseText = (text: string) => parseConfig(text, file);
  const config = parseText('{"servers": {"__proto__": {"url": "doveadm://a"}}}');
  assert.equal(serverOf("__proto__", config).url, "doveadm://a");
  assert.throws(() => parseText('{"__proto__": {}}'), /no key "__proto__"/);
  for (const key of ["__proto__", "constructor", "toString"]) {
    const text = `{"servers": {"a": {"url": "doveadm://a", ${JSON.stringify(key)}: {"ca": "/x"}}}}`;
    assert.throws(() => parseText(text), (error: Error) => {
      return error.message.includes(`"a" has a key "${key}", which means nothing`);
    });
  }
});

test("small files › of any size › are read as far as they may be", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "file");
  for (const size of [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000]) {
    const text = "x".repeat(size);
    await writeFile(path, text);
    assert.equal(await readSmallFile(path, size), text);
    assert.equal(await readSmallFile(path, size + 1), text);
    if (size > 0) assert.equal(await readSmallFile(path, size - 1), undefined);
  }
});

test("passwords › a command when the signal aborts › is ended", async () => {
  const aborting = new AbortController();
  const secret = secretOfCommand("exec sleep 600", aborting.signal);
  const serving = runWords(["serve", "--embedded", "--password-command", "exec sleep 600"], {
    signal: aborting.signal,
  });
  aborting.abort();
  await assert.rejects(secret, AbortError);
  assert.equal((await serving).code, 130);
});

test("listening › addresses › are read, or refused", () => {
  assert.deepEqual(listenPlaceOf("127.0.0.1:80"), { hostname: "127.0.0.1", port: 80 });
  assert.deepEqual(listenPlaceOf("[::1]:0"), { hostname: "::1", port: 0 });
  assert.deepEqual(listenPlaceOf("/run/x.sock"), { path: "/run/x.sock" });
  for (const text of ["80", "a:", "a:70000", "::1:80", ""]) {
    assert.throws(() => listenPlaceOf(text), /Set it to HOST:PORT/);
  }
});
