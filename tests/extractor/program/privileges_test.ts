import assert from "node:assert/strict";
import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { findSystemUser } from "../../../extractor/program/system_user.ts";
import { openToAll } from "../harness/open_program.ts";
import { type Ending, run, textOf } from "../harness/programs.ts";
import { type TestUser, unlessRoot, withUsers } from "../harness/users.ts";

const probe = openToAll("tests/extractor/program/privileges_probe.ts");

/** Calls a function with a new folder, in which each user has a file that only that user can read. */
async function withFolder(
  users: readonly TestUser[],
  act: (folder: string, files: readonly string[]) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "dovewire-privileges-"));
  try {
    await chown(folder, users[0]?.uid ?? 0, users[0]?.gid ?? 0);
    const files: string[] = [];
    for (const { name, uid, gid } of users) {
      const maildir = join(folder, name, "cur");
      await mkdir(maildir, { recursive: true });
      files.push(join(maildir, "1.M1P1.host:2,S"));
      await writeFile(files.at(-1)!, "Subject: secret\n\n", { mode: 0o600 });
      for (const path of [files.at(-1)!, maildir, join(folder, name)]) await chown(path, uid, gid);
      await run(["chmod", "700", join(folder, name)]);
    }
    // The users need access to the folders in it.
    await run(["chmod", "755", folder]);
    await act(folder, files);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function refused({ code, stdout, stderr }: Ending, message: RegExp): void {
  assert.match(stderr, message);
  assert.deepEqual([code, stdout.length], [5, 0], stderr);
}

// deno-lint-ignore no-explicit-any
function reportOf({ code, stdout, stderr }: Ending): any {
  assert.deepEqual([code, stderr], [0, ""]);
  return JSON.parse(textOf(stdout));
}

/** What the probe reports of a process that has only that user's rights. */
function checkProbe(report: ReturnType<typeof reportOf>, { uid, gid }: TestUser): void {
  assert.deepEqual(report.uids, [Array(4).fill(uid).join(" ")]);
  assert.deepEqual(report.gids, [Array(4).fill(gid).join(" ")]);
  assert(report.threads > 1, "the process should have more than one thread");
  assert.deepEqual([...new Set(report.capabilities)], ["0000000000000000"]);
  for (const attempt of ["setuid", "seteuid", "setgid", "setegid", "setgroups"]) {
    assert.equal(report[attempt], "EPERM", attempt);
  }
  assert.deepEqual(report.after.map((ids: string) => ids.replace(/^Uid:\s*/, "").split(/\s+/)), [
    Array(4).fill(String(uid)),
    Array(4).fill(String(uid)),
  ]);
  assert.equal(report.shadow, "EACCES");
  assert.equal(report.writes, "EACCES");
}

test("dropPrivileges › as root › has only the user's rights", unlessRoot, async () => {
  await withUsers(2, async (user, other) => {
    await withFolder([user, other], async (_folder, [own, others]) => {
      const command = ["setpriv", "--groups=0,4,42", ...probe];
      const env = { PATH: process.env.PATH!, SECRET: "of root's", HOME: "/root" };
      for (const name of [user.name, String(user.uid), `${user.uid}:${user.gid}`]) {
        const report = reportOf(await run([...command, name, own, others, "/etc/shadow"], { env }));
        checkProbe(report, user);
        assert.deepEqual(report.groups, [""]);
        assert.deepEqual(report.reads, {
          [own]: "done",
          [others]: "EACCES",
          "/etc/shadow": "EACCES",
        });
        assert.deepEqual([report.umask, report.folder], ["77", "/"]);
        const { PATH, HOME, USER, LOGNAME, ...more } = report.environment;
        const isKnown = name !== `${user.uid}:${user.gid}`;
        assert.deepEqual([PATH, HOME, USER, LOGNAME], [
          "/usr/bin:/bin",
          isKnown ? "/nonexistent" : "/",
          ...Array(2).fill(isKnown ? user.name : String(user.uid)),
        ]);
        assert.deepEqual(more, {});
      }
    });
  });
});

test(
  "dropPrivileges › root as the effective user only › has only the user's rights",
  unlessRoot,
  async () => {
    // As under a program that is setuid root.
    const script = "$< = 65534; $( = 65534; exec @ARGV";
    await withUsers(1, async (user) => {
      const command = ["perl", "-e", script, "--", ...probe, user.name];
      const report = reportOf(await run(command));
      checkProbe(report, user);
      assert.deepEqual(report.groups, [""]);
    });
  },
);

test(
  "dropPrivileges › inherited file descriptors › closed, except the standard ones",
  unlessRoot,
  async () => {
    const script = 'exec 7</etc/shadow 8</etc/ssl 9>>/dev/null 2>>"$0"; exec "$@"';
    await withUsers(1, async (user) => {
      await withFolder([], async (folder) => {
        const errors = join(folder, "errors");
        const { open } = reportOf(await run(["sh", "-c", script, errors, ...probe, user.name]));
        for (const path of ["/etc/shadow", "/etc/ssl"]) assert(!open.includes(path), open.join());
        assert(open.includes(errors), open.join());
      });
    });
  },
);

test(
  "dropPrivileges › as the user already › unchanged, refused with other ids or groups",
  unlessRoot,
  async () => {
    await withUsers(2, async (user, other) => {
      const as = (groups: string) => [
        ...["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, groups],
        ...probe,
      ];
      checkProbe(reportOf(await run([...as("--clear-groups"), user.name])), user);
      checkProbe(reportOf(await run([...as(`--groups=${user.gid}`), user.name])), user);
      refused(await run([...as("--groups=4"), user.name]), /is in the group 4, .* root/);
      refused(await run([...as("--groups=0"), user.name]), /is in the group 0/);
      refused(await run([...as("--clear-groups"), other.name]), /should be of user \d+ .*Start it/);
    });
  },
);

test(
  "dropPrivileges › as the user, with groups › only the user's own groups allowed",
  unlessRoot,
  async () => {
    await withUsers(1, async (user) => {
      await withFolder([user], async (folder) => {
        const group = join(folder, "group");
        await writeFile(group, `mail:x:8:joe,${user.name}\nadm:x:4:joe\n`, { mode: 0o644 });
        const as = (groups: string) => [
          ...["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, `--groups=${groups}`],
          ...[...probe, user.name, `--group=${group}`],
        ];
        assert.deepEqual(reportOf(await run(as("8"))).groups, ["8"]);
        refused(await run(as("4,8")), /is in the group 4/);
      });
    });
  },
);

test("dropPrivileges › root as the saved or real user › refused", unlessRoot, async () => {
  await withUsers(1, async (user) => {
    const { name, uid, gid } = user;
    // Perl sets single ids and keeps the others: root stays as the saved and the real user here.
    const start = (script: string) => ["perl", "-e", `${script}; exec @ARGV`, "--", ...probe, name];
    refused(await run(start(`$) = "${gid} ${gid}"; $( = ${gid}; $> = ${uid}`)), /users 0, /);
    const ids = `--reuid=${uid} --regid=${gid} --clear-groups`.split(" ");
    const kept = ["--inh-caps=+setuid", "--ambient-caps=+setuid"];
    const command = ["setpriv", ...ids, ...kept, ...probe, name];
    refused(await run(command), /still has rights of root/);
  });
});

test("dropPrivileges › securebits that keep root's rights › refused", unlessRoot, async () => {
  await withUsers(1, async ({ name }) => {
    const command = ["setpriv", "--securebits=+no_setuid_fixup", ...probe, name];
    refused(await run(command), /still has rights of root/);
  });
});

test("dropPrivileges › no right to change user or groups › refused", unlessRoot, async () => {
  await withUsers(1, async ({ name }) => {
    for (const right of ["setgid", "setuid"]) {
      const command = ["setpriv", `--bounding-set=-${right}`, `--inh-caps=-${right}`];
      refused(await run([...command, ...probe, name]), /can't (?:drop|change)/);
    }
  });
});

test("dropPrivileges › root under any name › refused", unlessRoot, async () => {
  await withFolder([], async (folder) => {
    const passwd = join(folder, "passwd");
    await writeFile(passwd, "toor:x:0:100::/:\nwheel:x:1234:0::/:\n", { mode: 0o644 });
    for (const name of ["root", "0", "00", "0:0", "0:100", "0000000000:1"]) {
      refused(await run([...probe, name]), /is root, and the extractor doesn't run as root/);
    }
    refused(await run([...probe, "1234:0"]), /has root's group/);
    refused(await run([...probe, "toor", `--passwd=${passwd}`]), /"toor" is root/);
    refused(await run([...probe, "wheel", `--passwd=${passwd}`]), /"wheel" has root's group/);
  });
});

test("dropPrivileges › an unknown user › refused", async () => {
  for (const name of ["no-such-user", "", "4294967295", "4294967295:1", "-1", "1:2:3", "x\n"]) {
    refused(await run([...probe, name]), /There is no user .* in \/etc\/passwd/);
  }
  refused(await run([...probe, "joe", "--passwd=/nonexistent"]), /\/nonexistent can't be read/);
});

// The other runtimes have no permissions.
if (process.versions.deno !== undefined) {
  test("dropPrivileges › Deno without --allow-ffi › refused", unlessRoot, async () => {
    const [deno, , , ...rest] = probe;
    const allowed = ["--allow-read", "--allow-sys", "--allow-env", "--no-prompt"];
    const command = [deno, "run", ...allowed, ...rest, "65534:65534"];
    refused(await run(command), /can't drop its groups: .*--allow-all/);
  });

  test("dropPrivileges › Deno without access to /proc › refused", unlessRoot, async () => {
    const [deno, , , ...rest] = probe;
    const allowed = ["read", "write", "sys", "env", "ffi"].map((right) => `--allow-${right}`);
    const command = [deno, "run", ...allowed, "--no-prompt", ...rest, "65534:65534"];
    refused(await run(command), /can't read its own rights: .*--allow-all/);
    // A process of the user is checked as well.
    const as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    refused(await run([...as, ...command]), /can't read its own rights: .*--allow-all/);
  });
}

test("findSystemUser › lines of passwd and group › accounts", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dovewire-accounts-"));
  try {
    const passwd = join(folder, "passwd");
    const group = join(folder, "group");
    await writeFile(
      passwd,
      "root:x:0:0:root:/root:/bin/sh\n+:x:7:7::/:\nbroken:x:12\nbad:x:1e3:5::/:\n" +
        "joe:x:1000:100:Joe,,:/home/joe:/bin/sh\n1000:x:2000:200::/home/digits:\nann:x:3000:300:::\n" +
        "minus:x:4294967295:5::/:\n",
    );
    await writeFile(group, "mail:x:8:ann,joe\nadm:x:4:joey\nusers:x:100:joe\nbad:x::joe\n");
    const find = (name: string) => findSystemUser(name, { passwd, group });
    const joe = { name: "joe", uid: 1000, gid: 100, home: "/home/joe", groups: [100, 8] };
    assert.deepEqual(find("joe"), joe);
    // A name is preferred to an id.
    assert.equal(find("1000").home, "/home/digits");
    assert.equal(find("2000").home, "/home/digits");
    assert.deepEqual(find("ann"), {
      name: "ann",
      uid: 3000,
      gid: 300,
      home: "/",
      groups: [300, 8],
    });
    assert.deepEqual(find("5:6"), { name: "5", uid: 5, gid: 6, home: "/", groups: [6] });
    for (const name of ["+", "broken", "bad", "minus", "4294967295", "jo", "joe:x", "7"]) {
      assert.throws(() => find(name), /There is no user/, name);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
