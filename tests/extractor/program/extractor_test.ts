import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import {
  encodeCredentials,
  encodeFrame,
  extractorArguments,
  type ExtractorCommandLine,
} from "../../../core/extractor/mod.ts";
import {
  decodeResponse,
  encodeRequest,
  type ExtractorMethod,
  type ExtractorRequestInit,
  failureIn,
} from "../../../extractor/messages/methods.ts";
import { answersIn } from "../harness/frames.ts";
import { openToAll } from "../harness/open_program.ts";
import { type Ending, pathOf, run, textOf } from "../harness/programs.ts";
import { type TestUser, unlessRoot, withUsers } from "../harness/users.ts";

const extractor = openToAll("extractor/program/extractor.ts");
const authuser = ["perl", pathOf("tests/extractor/harness/authuser.pl")];
const bytes = (text: string) => new TextEncoder().encode(text);
const nothing: Uint8Array = new Uint8Array(0);

/** The fixture of a test: two users of the system, each with a maildir. */
interface Scene {
  readonly user: TestUser;
  readonly other: TestUser;
  /** The folder with the maildirs joe, of the first user, and ann, of the other. */
  readonly folder: string;
  /** The environment for the stand-in of qmail-authuser: joe's password is "s3cret". */
  readonly env: Readonly<Record<string, string>>;
  /** The extractor's arguments; for joe's mails unless the parameters say otherwise. */
  args(more?: Partial<ExtractorCommandLine>): string[];
}

const mail = "From: zoe@example.org\r\nSubject: Hello\r\n\r\nHow are you?\r\n";

async function withScene(act: (scene: Scene) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "dovewire-extractor-"));
  try {
    await withUsers(2, async (user, other) => {
      await chmod(folder, 0o755);
      for (const [name, { uid, gid }] of [["joe", user], ["ann", other]] as const) {
        const made = [join(folder, name)];
        for (const place of ["", ".Sent"]) {
          if (place !== "") made.push(join(folder, name, place));
          for (const part of ["cur", "new", "tmp"]) made.push(join(folder, name, place, part));
        }
        for (const path of made) await mkdir(path, { recursive: true });
        made.push(join(folder, name, "new", "1.host"));
        await writeFile(made.at(-1)!, mail);
        for (const path of made) {
          await chown(path, uid, gid);
          await chmod(path, path.endsWith(".host") ? 0o600 : 0o700);
        }
      }
      const file = join(folder, "passwords");
      const hash = await run(["perl", "-e", 'print crypt("hunter2", q($6$salt$))']);
      await writeFile(file, `joe:s3cret\nann:${textOf(hash.stdout)}\n`, { mode: 0o600 });
      await act({
        ...{ user, other, folder },
        env: { ...process.env as Record<string, string>, AUTHUSER_FILE: file },
        args: (more = {}) =>
          extractorArguments({
            ...{ version: 3, maildir: folder, systemUser: user.name, mailUser: "joe" },
            ...more,
          }),
      });
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A test with a {@linkcode Scene}. */
function testScene(name: string, act: (scene: Scene) => Promise<void>): void {
  test(name, unlessRoot, () => withScene(act));
}

/** A request of version 3. */
function request<Method extends ExtractorMethod>(
  method: Method,
  init: ExtractorRequestInit<Method>,
): Uint8Array {
  const message = encodeRequest(method, init);
  return joined(encodeFrame(bytes(method)), encodeFrame(message));
}

function joined(...chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
}

/** Asserts a program's exit code and its standard error. */
function ended({ code, signal, stderr }: Ending, expected: number, message: RegExp | ""): void {
  assert.deepEqual([code, signal], [expected, null], stderr);
  if (message === "") assert.equal(stderr, "");
  else assert.match(stderr, message);
}

test("extractor › --help, --version, wrong arguments › text or exit code 4", async () => {
  const help = await run([...extractor, "--help"]);
  ended(help, 0, "");
  assert.match(textOf(help.stdout), /^Answers a webmail's .*\n\nUsage: extractor \[--protocol/);
  const version = await run([...extractor, "--version"]);
  ended(version, 0, "");
  const manifest = JSON.parse(readFileSync(pathOf("deno.json"), "utf8"));
  assert.equal(textOf(version.stdout), `extractor of dovewire ${manifest.version}\n`);
  const misuses: string[][] = [
    [],
    ["/tmp", "joe"],
    ["--protocol=4", "/tmp", "joe", "joe"],
    ["--verbose", "/tmp", "joe", "joe"],
    ["--protocol=3", "/tmp", "joe", "joe", "count"],
    ["--protocol=2", "/tmp", "joe", "joe"],
    ["/tmp", "joe", ""],
    ["/tmp", "joe", ".."],
    ["/tmp", "joe", "../joe"],
    ["/tmp", "joe", "a/b"],
  ];
  for (const args of misuses) {
    const ending = await run([...extractor, ...args]);
    ended(ending, 4, /^extractor: .*(?:The arguments are|The mail user .* is invalid)/);
    assert.equal(ending.stdout.length, 0);
  }
});

test("extractor › root or an unknown user as system user › exit code 5", async () => {
  for (const user of ["root", "0", "0:0", "no-such-user"]) {
    const ending = await run([...extractor, "/tmp", user, "joe"]);
    ended(ending, 5, /^extractor: (?:The user .* is root|There is no user)/);
    assert.equal(ending.stdout.length, 0);
  }
});

testScene(
  "authuser.pl › right, wrong and missing credentials › exit codes of checkpassword",
  async ({ env, folder }) => {
    const echo = [...authuser, "sh", "-c", 'echo "$$ $*"; cat; cat <&3', "sh", "a b"];
    const check = async (descriptor3: Uint8Array, more: Record<string, string> = {}) =>
      (await run(echo, { descriptor3, env: { ...env, ...more }, input: bytes("in") })).code;
    const joe = encodeCredentials({ user: "joe", password: "s3cret", challenge: "" });
    const good = await run(echo, { descriptor3: joe, env, input: bytes("in") });
    assert.match(textOf(good.stdout), /^\d+ a b\nin$/);
    assert.match(good.stderr, /3/, "file descriptor 3 should have been closed");
    // The program fails because that file descriptor is closed; its code alone doesn't show that.
    assert(![1, 111].includes(good.code!) || good.stderr !== "");
    const ann = (password: string) => encodeCredentials({ user: "ann", password, challenge: "x" });
    assert.equal(await check(ann("hunter3")), 1);
    assert.equal(
      (await run([...authuser, "true"], { descriptor3: ann("hunter2"), env })).code,
      0,
    );
    assert.equal(await check(encodeCredentials({ user: "eve", password: "", challenge: "" })), 1);
    assert.equal(await check(new Uint8Array(513)), 1);
    assert.equal(await check(nothing), 2);
    assert.equal(await check(bytes("joe\0s3cret")), 2);
    assert.equal((await run(authuser, { descriptor3: joe, env })).code, 2);
    assert.equal(await check(joe, { AUTHUSER_FILE: join(folder, "none") }), 111);
    assert.equal((await run([...authuser, "true"], { env })).code, 111);
    assert.equal(
      (await run([...authuser, join(folder, "none")], { descriptor3: joe, env })).code,
      111,
    );
  },
);

testScene(
  "extractor › version 3, after the password check, under a setuid program › answers",
  async ({ user, folder, env, args }) => {
    const command = [...authuser, ...extractor, ...args()];
    const password = (password: string) =>
      encodeCredentials({ user: "joe", password, challenge: "" });
    const added = `Subject: new\r\n\r\n${"x".repeat(2_000_000)}`;
    const input = joined(
      request("auth", {}),
      request("folders", {}),
      request("list", { end: 10 }),
      request("read-mail", { mid: "1.host", markSeen: true }),
      request("move", { mid: "1.host", folder: "Sent" }),
      request("add", { data: bytes(added) }),
      request("count", {}),
      encodeFrame(bytes("quota")),
      encodeFrame(nothing),
      request("raw", { mid: "1.host" }),
    );
    const secrets = { ...env, AUTHUSER_REAL_UID: "65534" };
    const ending = await run(command, { input, descriptor3: password("s3cret"), env: secrets });
    ended(ending, 0, "");
    const [auth, folders, list, read, move, add, count, quota, raw, ...more] = answersIn(
      ending.stdout,
    );
    assert.equal(auth.length, 0);
    assert.deepEqual(decodeResponse("folders", folders).folders, ["Sent"]);
    assert.deepEqual(decodeResponse("list", list).mails.map(({ subject }) => subject), ["Hello"]);
    assert.equal(decodeResponse("read-mail", read).head?.seen, true);
    assert.equal(move.length, 0);
    assert.equal(decodeResponse("count", count).size, BigInt(added.length));
    assert.equal(failureIn(quota)?.code, "unsupported");
    assert.equal(textOf(decodeResponse("raw", raw).data), mail);
    assert.equal(more.length, 0);

    assert.deepEqual(await readdir(join(folder, "joe/.Sent/cur")), ["1.host:2,S"]);
    const [name] = await readdir(join(folder, "joe/new"));
    assert(name.startsWith(decodeResponse("add", add).mid));
    const { uid, gid, mode } = await stat(join(folder, "joe/new", name));
    assert.deepEqual([uid, gid, mode & 0o777], [user.uid, user.gid, 0o600]);

    const wrong = await run(command, { input, descriptor3: password("S3cret"), env });
    assert.deepEqual([wrong.code, wrong.stdout.length], [1, 0]);
  },
);

/** Starts an extractor of version 1 or 2 for a request, after the check of joe's password. */
async function ask(
  { env, args }: Scene,
  more: Partial<ExtractorCommandLine>,
  input: Uint8Array,
): Promise<Ending> {
  const descriptor3 = encodeCredentials({ user: "joe", password: "s3cret", challenge: "" });
  const ending = await run([...authuser, ...extractor, ...args(more)], { input, descriptor3, env });
  assert.equal(ending.stderr, "");
  return ending;
}

testScene("extractor › version 2 › answers and exit codes", async (scene) => {
  const request = async (method: string, message = nothing) => {
    const { code, stdout } = await ask(scene, { version: 2, method }, message);
    return { code, stdout, failure: failureIn(stdout)?.code };
  };
  const count = await request("count");
  assert.deepEqual([count.code, decodeResponse("count", count.stdout).unseen], [0, 1n]);
  const gone = await request("remove", encodeRequest("remove", { mid: "2.host" }));
  assert.deepEqual([gone.code, gone.failure], [3, "not-found"]);
  const bad = await request("search", encodeRequest("search", { pattern: "(" }));
  assert.deepEqual([bad.code, bad.failure], [4, "invalid"]);
  assert.equal((await request("count", bytes("\x0a\xff"))).code, 4);
  const unknown = await request("quota");
  assert.deepEqual([unknown.code, unknown.failure], [6, "unsupported"]);
});

testScene("extractor › version 1 › answers and exit codes", async (scene) => {
  const request = async (method: string, args: string[], input = nothing) => {
    const { code, stdout } = await ask(scene, { version: 1, method, args }, input);
    const end = stdout.indexOf(10);
    const json = JSON.parse(textOf(stdout.subarray(0, end)));
    return { code, json, binary: textOf(stdout.subarray(end + 1)) };
  };
  const list = await request("list", ["0", "10", "date", ""]);
  assert.deepEqual([list.code, list.json[0].subject, list.json[0].new], [0, "Hello", true]);
  const raw = await request("raw", ["1.host"]);
  assert.deepEqual([raw.code, raw.json.size, raw.binary], [0, mail.length, mail]);
  const add = await request("add", ["Sent"], bytes("Subject: 2\n\n"));
  assert.deepEqual([add.code, typeof add.json.mid], [0, "string"]);
  assert.deepEqual((await request("count", ["Sent"])).json, { count: 1, size: 12, new: 1 });
  assert.equal((await request("move", ["2.host", ""])).code, 3);
  const lacking = await request("count", []);
  assert.deepEqual([lacking.code, lacking.json.code], [4, "invalid"]);
  assert.equal((await request("quota", [])).code, 6);
});

testScene(
  "extractor › another user's maildir, all versions › refused",
  async ({ other, folder, args }) => {
    const ask = (more: Partial<ExtractorCommandLine>, input = nothing) =>
      run([...extractor, ...args({ mailUser: "ann", ...more })], { input });
    const third = await ask({}, joined(request("auth", {}), request("count", {})));
    ended(third, 0, "");
    const [auth, count] = answersIn(third.stdout).map((answer) => failureIn(answer));
    assert.deepEqual([auth, count?.code], [undefined, "storage"]);
    assert.match(count!.message, /permission denied/);
    const second = await ask({ version: 2, method: "count" });
    assert.deepEqual([second.code, failureIn(second.stdout)?.code], [3, "storage"]);
    const first = await ask({ version: 1, method: "count", args: [""] });
    assert.deepEqual([first.code, JSON.parse(textOf(first.stdout)).code], [3, "storage"]);
    // The same paths work for the other user.
    const owner = await ask({ version: 2, method: "count", systemUser: other.name });
    assert.equal(owner.code, 0);

    // A link to another maildir, which the user could read, is no mail user either.
    await symlink(join(folder, "ann"), join(folder, "link"));
    await writeFile(join(folder, "file"), "");
    for (
      const [mailUser, message] of [
        ["link", /it is no folder/],
        ["file", /it is no folder/],
        ["eve", /it doesn't exist/],
      ] as const
    ) {
      const ending = await ask({ version: 2, method: "count", systemUser: other.name, mailUser });
      const failure = failureIn(ending.stdout);
      assert.deepEqual([ending.code, failure?.code], [3, "storage"]);
      assert.match(failure!.message, message);
    }
  },
);

testScene(
  'extractor › mail user "." and a relative folder › the maildir itself',
  async ({ folder, args }) => {
    const place = { maildir: "joe", mailUser: ".", version: 2, method: "count" } as const;
    const ending = await run([...extractor, ...args(place)], { cwd: folder });
    ended(ending, 0, "");
    assert.equal(decodeResponse("count", ending.stdout).count, 1n);
  },
);

testScene("extractor › started as the user itself › answers", async ({ user, other, args }) => {
  const as = ({ uid, gid }: TestUser) => [
    ...["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"],
    ...[...extractor, ...args({ version: 2, method: "count" })],
  ];
  const ending = await run(as(user));
  ended(ending, 0, "");
  assert.equal(decodeResponse("count", ending.stdout).count, 1n);
  ended(await run(as(other)), 5, /^extractor: The process should be of user/);
});

testScene(
  "extractor › started as root › the answering process has only the user's rights",
  async ({ user, args }) => {
    const [program, ...rest] = ["setpriv", "--groups=0,4", ...extractor, ...args()];
    const child = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });
    const ended = new Promise((resolve) => child.on("close", resolve));
    try {
      child.stdin.write(request("auth", {}));
      await new Promise((resolve) => child.stdout.once("data", resolve));
      let threads = 0;
      for (const task of await readdir(`/proc/${child.pid}/task`)) {
        const file = `/proc/${child.pid}/task/${task}/status`;
        // A thread may end meanwhile.
        const status = await readFile(file, "utf8").catch(() => undefined);
        if (status === undefined) continue;
        threads++;
        const ids = (name: string) => new RegExp(`^${name}:(.*)$`, "m").exec(status)![1].trim();
        assert.equal(ids("Uid"), Array(4).fill(user.uid).join("\t"));
        assert.equal(ids("Gid"), Array(4).fill(user.gid).join("\t"));
        assert.equal(ids("Groups"), "");
      }
      assert(threads > 0, "there was no thread");
      child.stdin.end();
      assert.equal(await ended, 0);
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
  },
);

testScene("extractor › a broken or incomplete request › exit code 4", async ({ args }) => {
  const command = [...extractor, ...args()];
  ended(await run(command), 0, "");
  const broken = await run(command, { input: bytes("GET / HTTP/1.1\r\n\r\n") });
  ended(broken, 4, /^extractor: The client sent a method's name of/);
  const cut = await run(command, { input: joined(request("auth", {}), bytes("\0\0")) });
  ended(cut, 4, /^extractor: The client's requests ended within/);
  assert.deepEqual([...cut.stdout], [0, 0, 0, 0]);

  const [program, ...rest] = command;
  const child = spawn(program, rest, { stdio: ["pipe", "pipe", "pipe"] });
  const end = new Promise<number | null>((resolve) => child.on("close", resolve));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk) => stderr += chunk);
  child.stdin.on("error", () => {});
  child.stdin.write(request("auth", {}));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.stdout.destroy();
  // The client doesn't close the input.
  for (let i = 0; i < 2000; i++) child.stdin.write(request("raw", { mid: "1.host" }));
  assert.equal(await end, 3, stderr);
  assert.match(stderr, /^extractor: [^\n]+\n$/);
});
