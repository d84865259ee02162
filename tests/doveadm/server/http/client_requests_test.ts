import assert from "node:assert/strict";
import { test } from "node:test";
import { startMailServer } from "../../../../testing/mod.ts";
import { type DovecotVersion, startDovecot } from "../../../harness/dovecot/dovecot.ts";
import { exchange, type HttpResponse } from "../../../harness/http_exchange.ts";
import { clientRequests } from "./client_requests.ts";

/** What clients see of a response: status, headers, and the body as JSON. */
function shownOf(response: HttpResponse | undefined) {
  if (response === undefined) return "the connection is closed";
  const { status, reason, headers, body } = response;
  const text = new TextDecoder().decode(body);
  return {
    status: `${status} ${reason}`,
    type: headers.get("content-type"),
    login: headers.get("www-authenticate"),
    encoding: headers.get("content-encoding"),
    body: /^[[{]/.test(text) ? JSON.parse(text) : text,
  };
}

/** The commands by name, only those of which the mail server has some. */
function listed(body: readonly { command: string; parameters: unknown }[], names: Set<string>) {
  return body.filter(({ command }) => names.has(command))
    .sort((one, other) => one.command < other.command ? -1 : 1);
}

for (const version of ["2.3", "2.4"] satisfies DovecotVersion[]) {
  test(`HTTP API › requests of clients in several languages › get what Dovecot ${version} answers`, async () => {
    const first = "From: bob@example.org\nSubject: Lunch?\n\nAt noon?\n";
    await using dovecot = await startDovecot({
      ...{ version, users: ["alice"], mail: { alice: { INBOX: [first] } } },
    });
    const { password, apiKey, httpPort } = dovecot;
    await using server = await startMailServer({
      ...{ version, users: { alice: { mailboxes: { INBOX: [first] } } } },
      http: { password, apiKey, refusalDelay: 0 },
    });
    assert(server.http!.address.transport === "tcp");
    const { port } = server.http!.address;
    for (const { name, bytes } of clientRequests) {
      const login = { host: "mail.example.org:8080", password, apiKey };
      const real = shownOf(await exchange(httpPort, bytes(login)));
      const ours = shownOf(await exchange(port, bytes(login)));
      if (name === "curl, the commands" && typeof real === "object" && typeof ours === "object") {
        const names = new Set<string>(ours.body.map(({ command }: { command: string }) => command));
        assert(names.size > 20);
        real.body = listed(real.body, names);
        ours.body = listed(ours.body, names);
      }
      assert.deepEqual(ours, real, name);
    }
  });
}
