import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { listen, type Listening } from "../../harness/sockets.ts";
import { takeRowsElsewhere } from "./memory_process.ts";

const row = {
  uid: "1234567",
  flags: "\\Seen \\Answered",
  text: `Subject: hello\r\n\r\n${'A line with "quotes", a \\ and é.\r\n'.repeat(300)}`,
};

/** A server that answers with so many bytes of rows; also has the number of rows. */
async function rowServer(size: number): Promise<{ server: Listening; rows: number }> {
  const bytes = new TextEncoder().encode(JSON.stringify(row) + ",");
  const block = new Uint8Array(bytes.length * 20);
  for (let at = 0; at < block.length; at += bytes.length) block.set(bytes, at);
  const blocks = Math.ceil(size / block.length);
  const server = await listen("tcp", (socket) => {
    socket.once("data", () => {
      socket.resume();
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[["doveadmResponse",[');
      let sent = 0;
      const fill = () => {
        while (sent < blocks) {
          sent++;
          if (!socket.write(block)) return;
        }
        socket.off("drain", fill);
        socket.end('{}],"0"]]');
      };
      socket.on("drain", fill);
      fill();
    });
  });
  return { server, rows: blocks * 20 };
}

test("HTTP › a streamed answer of any size › passes through in bounded memory", async () => {
  const mebibytes = Number(process.env.HTTP_MEMORY_MIB ?? 100);
  const { server, rows } = await rowServer(mebibytes * 1024 * 1024);
  await using _ = server;
  assert(server.address.transport === "tcp");
  const url = new URL(`http://127.0.0.1:${server.address.port}/doveadm/v1`);
  const start = performance.now();
  const report = await takeRowsElsewhere(url);
  const seconds = (performance.now() - start) / 1000;
  const letters = Object.values(row).join("").length * rows;
  assert.deepEqual([report.rows, report.letters], [rows + 1, letters]);
  console.log(
    `  ${mebibytes} MiB of rows in ${seconds.toFixed(1)} s; the client's memory: ` +
      `${report.before} MiB at rest, ${report.most} MiB at most`,
  );
  assert(
    report.most - report.before < 150,
    `its memory grew by ${report.most - report.before} MiB`,
  );
});
