import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortError,
  AuthenticationError,
  ConnectError,
  ConnectionLostError,
  DovewireError,
  LocalProtocolError,
  QueueFullError,
  RemoteProtocolError,
  TimeoutError,
} from "../../core/mod.ts";
import { ExtractorEndError } from "../../core/extractor/mod.ts";
import { CommandError } from "../../doveadm/client/command_error.ts";
import { PartialFailure } from "../../doveadm/client/partial_failure.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import { ExtractorFailure } from "../../extractor/messages/failure.ts";
import { PrivilegesError } from "../../extractor/program/system_user.ts";
import { brokenError, connectError, TransportError } from "../../transports/transport.ts";

test("errors › each class of the package › is a DovewireError and has its documented code", () => {
  const reply = {
    ...{ type: "reply", id: 0, ok: false, code: "NOTFOUND", detail: "" } as const,
    ...{ fields: [], rawFields: [] },
  };
  const outcome = {
    ...{ rows: [], failures: new Map(), answered: 0, unasked: [] },
  };
  const errors: readonly [error: DovewireError, code: string][] = [
    [new DovewireError("x"), "other"],
    [new LocalProtocolError("x"), "local-protocol"],
    [new RemoteProtocolError("x"), "remote-protocol"],
    [new AuthenticationError("x"), "authentication"],
    [new ConnectError("x"), "connect"],
    [new ConnectionLostError("x"), "connection-lost"],
    [new TimeoutError("command", "x"), "timeout"],
    [new AbortError("x"), "aborted"],
    [new QueueFullError("x"), "queue-full"],
    [new ExtractorEndError("exit", "x"), "extractor-end"],
    [new PrivilegesError("x"), "privileges"],
    [new PartialFailure("mailbox list", outcome), "partial-failure"],
    [new CommandError("mailbox list", reply, []), "NOTFOUND"],
    [new CommandFailure("NOUSER"), "NOUSER"],
    [new ExtractorFailure("limit", "x"), "limit"],
    [new TransportError("refused", "x"), "refused"],
  ];
  for (const [error, code] of errors) {
    assert(error instanceof DovewireError);
    assert.equal(error.code, code, error.name);
    assert.equal(error.name, error.constructor.name);
  }
});

test("transport errors › sent › is true only for a transport that was open", () => {
  const address = { transport: "unix", path: "/x" } as const;
  assert.equal(connectError("refused", address, undefined).sent, false);
  assert.equal(brokenError("reset", "unix /x").sent, true);
});

test("transport errors › advice › speaks of sockets and servers, not of doveadm", () => {
  const places = [
    { transport: "unix", path: "/x" },
    { transport: "tcp", hostname: "localhost", port: 1 },
  ] as const;
  for (const address of places) {
    for (const code of ["refused", "not-found", "denied", "unreachable"] as const) {
      const { message } = connectError(code, address, undefined);
      assert.match(message, /^Cannot connect to (unix|tcp) .+: .+\.$/);
      assert.doesNotMatch(message, /dovecot|doveadm|inet_listener/i);
    }
  }
});
