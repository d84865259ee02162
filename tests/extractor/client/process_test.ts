import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import {
  AbortError,
  AuthenticationError,
  type ChildProcess,
  ConnectError,
  ConnectionLostError,
  ExtractorEndError,
  ExtractorFailure,
  LocalProtocolError,
  openExtractor,
  type Spawn,
  TimeoutError,
  type Transport,
} from "../../../extractor/client/extractor.ts";
import { failureResponse } from "../../../extractor/messages/methods.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { spawn } from "../../../transports/mod.ts";
import { errorOf, gate, leavingNoProcess, nowhere, perl } from "./peers.ts";
import { until } from "../../harness/until.ts";

// The extractors here are small programs that behave like broken ones.

/** Answers each request with the number of earlier ones. It ends by itself, if not as soon as it is asked to. */
const counting = '$SIG{TERM} = "IGNORE"; my $n = 0;' +
  " while (my ($method) = request()) { answer(counted($n++)); } exit 0;";

/** Starts processes, and keeps a list of them. */
function keeping(): { readonly spawn: Spawn; readonly processes: ChildProcess[] } {
  const processes: ChildProcess[] = [];
  return {
    processes,
    async spawn(command, options) {
      const child = await spawn(command, options);
      processes.push(child);
      return child;
    },
  };
}

test("extractor process › 10,000 pipelined requests › one process answers in order", async () => {
  await leavingNoProcess(async () => {
    const { spawn, processes } = keeping();
    await using extractor = openExtractor({
      ...nowhere,
      spawn,
      command: perl(counting.replace(
        "counted($n++)",
        // Numbers of any size.
        'do { my ($v, $m) = ($n++, ""); while ($v > 127) { $m .= chr($v & 127 | 128); $v >>= 7 } "\\x08$m" . chr($v) }',
      )),
    });
    const counts = await Promise.all(Array.from({ length: 10_000 }, () => extractor.count()));
    assert(counts.every(({ count }, at) => count === at));
    assert.equal(processes.length, 1);
    await extractor.close();
    assert.deepEqual(await processes[0].exited, { code: 0, signal: undefined });
  });
});

test("extractor process › exit codes and stderr › quoted in errors, without the password", async () => {
  await leavingNoProcess(async () => {
    const credentials = { user: "joe", password: "s3cret", challenge: "ch4" };
    for (
      const [code, Kind, sent, expected] of [
        [
          1,
          AuthenticationError,
          false,
          /^Cannot log in as "joe" to process perl .* password is wrong/,
        ],
        [2, ExtractorEndError, false, /code 2 \(qmail-authuser was misused/],
        [3, ExtractorEndError, true, /code 3 \(the request failed/],
        [5, ExtractorEndError, false, /code 5 \(the extractor couldn't become the user/],
        [77, ExtractorEndError, true, /code 77 \(an unknown code/],
        [111, ExtractorEndError, false, /code 111 \(qmail-authuser has temporary trouble/],
      ] as const
    ) {
      const program =
        'my ($code) = splice @ARGV, 0, 1; open my $fd3, "<&=3"; my $secret = <$fd3>;' +
        'print STDERR "x" x 9000, "no luck \\e[1m with $secret at all\\n"; request(); exit $code;';
      const heard: string[] = [];
      await using extractor = openExtractor({
        ...nowhere,
        command: [...perl(program), String(code)],
        credentials,
        onStderr: (text) => heard.push(text),
      });
      const error = await errorOf<AuthenticationError>(extractor.count(), Kind);
      assert.match(error.message, expected);
      assert.equal(error.sent, sent, String(code));
      assert.match(error.message, / Its stderr ends with:\n…x+no luck \\x1b\[1m with joe/);
      assert(!/s3cret|ch4/.test(error.message + JSON.stringify(error)), error.message);
      assert(error.message.length < 5_000);
      assert(heard.join("").startsWith("x".repeat(9_000) + "no luck \x1b[1m with joe"));
      if (error instanceof ExtractorEndError) {
        assert.deepEqual([error.kind, error.exit], ["exit", { code, signal: undefined }]);
      }
    }
  });
});

test("extractor process › exit code 1 without credentials, or after an answer › no AuthenticationError", async () => {
  const credentials = { user: "joe", password: "s3cret" };
  for (const who of [{}, { credentials }]) {
    const program = "request(); answer(counted(1)) if @ARGV > 3; exit 1;";
    const answers = "credentials" in who;
    await using extractor = openExtractor({
      ...nowhere,
      ...who,
      command: [...perl(program), ...(answers ? ["x"] : [])],
    });
    if (answers) await extractor.count();
    const error = await errorOf(extractor.count(), ExtractorEndError);
    assert.equal(error.exit?.code, 1);
  }
});

test("extractor process › killed › sent requests are rejected, a new process gets the others", async () => {
  await leavingNoProcess(async () => {
    const { spawn, processes } = keeping();
    const program =
      'my $n = 0; while (my ($method) = request()) { sleep 60 if $method eq "folders";' +
      " answer(counted($n++)); }";
    await using extractor = openExtractor({
      ...nowhere,
      command: perl(program),
      spawn,
      limits: { maxInFlight: 2 },
    });
    await extractor.count();
    const calls = [extractor.folders(), extractor.count(), extractor.count()];
    await extractor.count("", { timeout: 20 }).catch(() => {});
    processes[0].kill("SIGKILL");
    const [folders, count, other] = await Promise.allSettled(calls);
    for (const lost of [folders, count]) {
      assert(lost.status === "rejected" && lost.reason instanceof ExtractorEndError);
      assert.deepEqual(lost.reason.exit, { code: undefined, signal: "SIGKILL" });
      assert.equal(lost.reason.sent, true);
      assert.match(lost.reason.message, /was ended by SIGKILL/);
    }
    assert(other.status === "fulfilled");
    assert.equal(processes.length, 2);
  });
});

test("extractor process › dies while idle › the next request starts a new one", async () => {
  const { spawn, processes } = keeping();
  await using extractor = openExtractor({ ...nowhere, command: perl(counting), spawn });
  await extractor.count();
  processes[0].kill("SIGKILL");
  await processes[0].exited;
  assert.equal((await extractor.count()).count, 0);
  assert.equal(processes.length, 2);
});

test("extractor process › stopped by SIGSTOP › ended as hanging", async () => {
  await leavingNoProcess(async () => {
    const { spawn, processes } = keeping();
    await using extractor = openExtractor({ ...nowhere, command: perl(counting), spawn });
    await extractor.count();
    process.kill(processes[0].pid, "SIGSTOP");
    const calls = [extractor.count("", { timeout: 50 }), extractor.folders()];
    const [late, other] = await Promise.allSettled(calls);
    assert(late.status === "rejected" && late.reason instanceof TimeoutError);
    assert(other.status === "rejected" && other.reason instanceof ConnectionLostError);
    assert.match(other.reason.message, /was taken to hang/);
    assert.equal((await extractor.count()).count, 0);
    await extractor.close();
    // It depends on the system whether a SIGTERM reaches a stopped process.
    assert.match((await processes[0].exited).signal ?? "none", /^SIG(TERM|KILL)$/);
    assert.equal((await processes[1].exited).code, 0);
  });
});

test("extractor process › garbage, an answer cut short, bytes without a request › rejected with the reason", async () => {
  await leavingNoProcess(async () => {
    for (
      const [program, expected] of [
        ['request(); put("Segmentation fault\\n"); sleep 60;', /maxMessageSize/],
        [
          'request(); put("\\0\\0\\0\\x09abc"); exit 3;',
          /cut short after 3 of its 9 bytes.*code 3/,
        ],
        ['put("hello"); sleep 1; request(); sleep 60;', /"hello"|limits.maxMessageSize/],
        ["close STDOUT; request(); sleep 60;", /was ended by SIGTERM/],
      ] as const
    ) {
      await using extractor = openExtractor({ ...nowhere, command: perl(program) });
      const error = await extractor.count().then(() => assert.fail("answered"), (error) => error);
      assert.match(error.message, expected);
    }
  });
});

// Bun reports no error for writes to a process that has closed its stdin.
if (!("Bun" in globalThis)) {
  test("extractor process › closes its stdin › ended soon", async () => {
    await leavingNoProcess(async () => {
      const { spawn, processes } = keeping();
      await using extractor = openExtractor({
        ...nowhere,
        command: perl("request(); close STDIN; answer(counted(1)); sleep 60;"),
        spawn,
        timeout: 0,
        closeTimeout: 50,
      });
      assert.equal((await extractor.count()).count, 1);
      const error = await errorOf(extractor.count(), ExtractorEndError);
      assert.equal(error.sent, true);
      assert.match(error.message, /was ended by SIGTERM/);
      assert.equal((await extractor.count()).count, 1);
      assert.equal(processes.length, 2);
    });
  });
}

test("extractor process › it can't be killed › close() doesn't wait for it", async () => {
  // Like a hanging process of a setuid program.
  const never = new Promise<never>(() => {});
  const unkillable = (act: (there: Transport) => Promise<void>): Spawn => () => {
    const [transport, there] = memoryPair();
    void act(there);
    const dispose = () => transport.close().then(() => never);
    const rest = {
      pid: 1,
      exited: never,
      kill() {},
      close: dispose,
      [Symbol.asyncDispose]: dispose,
    };
    return Promise.resolve({ transport, ...rest });
  };
  const broken = unkillable(async (there) => {
    await there.read();
    await there.close();
  });
  const silent = unkillable(() => never);
  const options = { ...nowhere, command: ["x"], timeout: 0, closeTimeout: 50 };
  const cases = ([1, 2, 3] as const).flatMap((version) => [
    (async () => {
      await using extractor = openExtractor({ ...options, version, spawn: broken });
      const request = version === 1 ? extractor.add({ data: "x" }) : extractor.auth();
      const error = await errorOf(request, ExtractorEndError);
      assert.match(error.message, /doesn't end, and can't be ended from here/);
    })(),
    (async () => {
      await using extractor = openExtractor({ ...options, version, spawn: silent });
      await errorOf(extractor.count("", { timeout: 20 }), TimeoutError);
    })(),
    (async () => {
      await using extractor = openExtractor({ ...options, version, spawn: silent });
      const lost = errorOf(extractor.count(), ConnectionLostError);
      await extractor.close();
      await lost;
    })(),
  ]);
  await Promise.all(cases);
});

test("extractor process › close() takes longer than closeTimeout › ended", async () => {
  await leavingNoProcess(async () => {
    const { spawn, processes } = keeping();
    const { opened: begun, open: begin } = gate();
    const program = '$SIG{TERM} = "IGNORE"; while (my ($method) = request()) {' +
      ' print STDERR "$method\\n"; sleep 60; }';
    const extractor = openExtractor({
      ...nowhere,
      ...{ command: perl(program), spawn, closeTimeout: 200, onStderr: begin },
    });
    const call = errorOf(extractor.count(), ConnectionLostError);
    await begun;
    await extractor.close();
    assert.equal((await call).sent, true);
    assert.equal((await processes[0].exited).signal, "SIGKILL");
  });
});

test("extractor process › the client's signal aborts › ended", async () => {
  await leavingNoProcess(async () => {
    for (const version of [2, 3] as const) {
      const controller = new AbortController();
      const { spawn, processes } = keeping();
      const extractor = openExtractor({
        ...nowhere,
        version,
        command: perl("sleep 60;"),
        spawn,
        signal: controller.signal,
      });
      const calls = Array.from({ length: 6 }, () => errorOf(extractor.count(), AbortError));
      while (processes.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      controller.abort();
      await Promise.all(calls);
      await extractor.close();
      assert.equal((await processes[0].exited).signal, "SIGTERM");
    }
  });
});

test("extractor process › a program that doesn't start › ConnectError", async () => {
  for (const version of [1, 2, 3] as const) {
    await using extractor = openExtractor({ ...nowhere, version, command: ["/nowhere/extractor"] });
    const error = await errorOf(extractor.count(), ConnectError);
    assert.equal(error.sent, false);
    assert.match(error.message, /^"count" was not sent: cannot start \/nowhere\/extractor/);
  }
});

test("extractor process › versions 1 and 2, an invalid request › no process is started", async () => {
  for (const version of [1, 2] as const) {
    const { spawn, processes } = keeping();
    await using extractor = openExtractor({
      ...nowhere,
      version,
      command: perl("sleep 60;"),
      spawn,
      limits: { maxMessageSize: 100 },
    });
    const error = await errorOf(extractor.add({ data: new Uint8Array(101) }), LocalProtocolError);
    assert.equal(error.sent, false);
    assert.match(error.message, /limits.maxMessageSize/);
    assert.equal(processes.length, 0);
  }
});

test("extractor process › versions 1 and 2, ended during the start › the error is marked as sent", async () => {
  await leavingNoProcess(async () => {
    for (
      const [kind, options] of [[AbortError, {}], [TimeoutError, { connectTimeout: 20 }]] as const
    ) {
      const { spawn, processes } = keeping();
      const hold = gate();
      const controller = new AbortController();
      const extractor = openExtractor({
        ...nowhere,
        ...options,
        version: 2,
        command: perl("sleep 60;"),
        async spawn(command, options) {
          const child = await spawn(command, options);
          await hold.opened;
          return child;
        },
        signal: controller.signal,
      });
      const removed = errorOf<AbortError | TimeoutError>(extractor.remove("1"), kind);
      while (processes.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      if (kind === AbortError) controller.abort();
      const error = await removed;
      assert.equal(error.sent, true);
      assert.match(error.message, /^"remove" was ended while its process started: the /);
      hold.open();
      await extractor.close();
      assert.notEqual((await processes[0].exited).signal, undefined);
      // Lets the client notice the exit, too.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});

test("extractor process › versions 1 and 2, many requests › one process each, at most maxInFlight at once", async () => {
  await leavingNoProcess(async () => {
    const program = "local $/; my $input = <STDIN>; my ($protocol) = grep /protocol/, @ARGV;" +
      'put(defined $protocol ? counted(length $input) : "{\\"count\\":$$,\\"size\\":2,\\"new\\":1}\\n");';
    for (const version of [1, 2] as const) {
      let running = 0;
      let most = 0;
      const { spawn, processes } = keeping();
      await using extractor = openExtractor({
        ...nowhere,
        version,
        command: perl(program),
        async spawn(command, options) {
          most = Math.max(most, ++running);
          const child = await spawn(command, options);
          child.exited.then(() => running--);
          return child;
        },
        limits: { maxInFlight: 2 },
      });
      const counts = await Promise.all(Array.from({ length: 6 }, () => extractor.count("abc")));
      assert.equal(processes.length, 6);
      assert.equal(most, 2);
      if (version === 2) assert(counts.every(({ count }) => count === 5));
      else assert.equal(new Set(counts.map(({ count }) => count)).size, 6);
    }
  });
});

test("extractor process › versions 1 and 2, exit codes › ExtractorFailure or ExtractorEndError", async () => {
  const failure = new ExtractorFailure("not-found", "There is no such mail.");
  const messages = {
    1: JSON.stringify({ error: failure.message, code: failure.code }),
    2: [...failureResponse(failure)].map((byte) => String.fromCharCode(byte)).join(""),
  };
  const program = "my ($code, $hex) = splice @ARGV, 0, 2; put(pack 'H*', $hex); exit $code;";
  for (const version of [1, 2] as const) {
    const hex = [...messages[version]].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0"));
    for (
      const [code, said, Kind] of [
        [3, hex.join(""), ExtractorFailure],
        [4, hex.join(""), ExtractorFailure],
        [6, hex.join(""), ExtractorFailure],
        [0, hex.join(""), ExtractorFailure],
        [3, "", ExtractorEndError],
        [6, version === 1 ? "7b7d" : "", ExtractorEndError],
        [5, "", ExtractorEndError],
        [9, hex.join(""), ExtractorEndError],
      ] as const
    ) {
      await using extractor = openExtractor({
        ...nowhere,
        version,
        command: [...perl(program), String(code), said],
      });
      const error = await errorOf<ExtractorFailure | ExtractorEndError>(
        extractor.readMail("x"),
        Kind,
      );
      assert.equal(error.sent, code !== 5);
      if (error instanceof ExtractorFailure) assert.equal(error.code, "not-found");
      else assert.equal(error.exit?.code, code);
    }
  }
});

test("extractor process › version 2, a time-out or abort › ends only that request's process", async () => {
  await leavingNoProcess(async () => {
    const { spawn, processes } = keeping();
    await using extractor = openExtractor({
      ...nowhere,
      version: 2,
      command: perl('sleep 60 if $ARGV[-1] eq "folders"; local $/; <STDIN>; put(counted(3));'),
      spawn,
    });
    const controller = new AbortController();
    const calls = [
      extractor.folders({ timeout: 1000 }),
      extractor.folders({ signal: controller.signal }),
      extractor.count(),
    ];
    await until(() => processes.length === 3);
    controller.abort();
    const [late, aborted, count] = await Promise.allSettled(calls);
    assert(late.status === "rejected" && late.reason instanceof TimeoutError && late.reason.sent);
    assert(aborted.status === "rejected" && aborted.reason instanceof AbortError);
    assert(aborted.reason.sent);
    assert.deepEqual(count, { status: "fulfilled", value: { count: 3, size: 0, unseen: 0 } });
    await extractor.close();
    const [first, ...others] = await Promise.all(
      processes.map(async ({ exited }) => (await exited).signal),
    );
    // One that is ended while it starts is killed.
    assert.match(first ?? "none", /^SIG(TERM|KILL)$/);
    assert.deepEqual(others, ["SIGTERM", undefined]);
  });
});

test("extractor process › versions 1 to 3 › the arguments of the process", async () => {
  const program = 'local $/; <STDIN> unless @ARGV < 4; print STDERR join("|", @ARGV); exit 77;';
  for (
    const [version, expected] of [
      [1, "/nowhere|nobody|joe|list|0|50|!size|Sent"],
      [2, "--protocol=2|/nowhere|nobody|joe|list"],
      [3, "/nowhere|nobody|joe"],
    ] as const
  ) {
    await using extractor = openExtractor({ ...nowhere, version, command: perl(program) });
    const error = await errorOf(
      extractor.list({ sortBy: "!size", folder: "Sent" }),
      ExtractorEndError,
    );
    assert(error.message.endsWith(` Its stderr ends with:\n${expected}`), error.message);
  }
});
