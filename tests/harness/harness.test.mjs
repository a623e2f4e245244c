// SPDX-License-Identifier: MIT
// The harness itself, against small servers of its own.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import test from "node:test";
import { exact, number } from "./exact.mjs";
import { Load } from "./load.mjs";
import { inGroup, killGroup, launch } from "./process.mjs";
import { waitFor } from "./wait.mjs";
import { talk } from "./wire.mjs";

async function serving(server, play) {
  await new Promise((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  try {
    await play(server.address().port);
  } finally {
    server.closeAllConnections?.();
    server.close();
  }
}

test("exact keeps what a number looks like and leaves strings alone", () => {
  const value = exact(
    '{"a":0.10,"b":[1e-7,-0],"c":"0.10 \\"1\\"","d":12345678901234567890,"e":null}',
  );
  assert.deepEqual(value, {
    a: number("0.10"),
    b: [number("1e-7"), number("-0")],
    c: '0.10 "1"',
    d: number("12345678901234567890"),
    e: null,
  });
});

test("waiting ends with the condition, or says what was seen last", async () => {
  let looks = 0;
  assert.equal(await waitFor("three looks", () => ++looks >= 3 && "done", { every: 1 }), "done");
  await assert.rejects(
    waitFor("nothing", () => 0, { within: 20, every: 5 }),
    /nothing.*answered 0/,
  );
});

test("a load counts answers, cuts and silence apart", async () => {
  let asked = 0;
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => {
      asked++;
      if (asked === 50) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut");
      else if (asked === 60) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  });
  await serving(server, async (port) => {
    const load = new Load(port, { connections: 4, next: () => ({ method: "GET", path: "/" }) });
    await load.more(200);
    const sum = await load.stop();
    assert.deepEqual([sum.cut, sum.unanswered], [1, 1]);
    assert.equal(sum.sent, sum.answered + 2);
    assert.deepEqual(Object.keys(sum.statuses), ["200"]);
  });
});

test("a load keeps to its rate", async () => {
  const server = http.createServer((request, response) => response.end("ok"));
  await serving(server, async (port) => {
    const load = new Load(port, {
      connections: 4,
      rate: 200,
      next: (i) => (i < 100 ? { method: "GET", path: "/" } : null),
    });
    await Promise.all(load.clients);
    const sum = await load.stop();
    assert.equal(sum.answered, 100);
    assert.ok(sum.perSecond < 220, `${sum.perSecond}`);
  });
});

test("talk splits what came into answers and sees the end", async () => {
  const server = http.createServer((request, response) => response.end(request.url));
  await serving(server, async (port) => {
    const two = await talk(
      port,
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert.deepEqual(
      two.answers.map((a) => a.body),
      ["/a", "/b"],
    );
    assert.equal(two.closed, true);
  });
});

test("a group of processes ends at one blow", async () => {
  const run = launch("sh", ["-c", "sleep 60 & sleep 60 & echo up; wait"]);
  await waitFor("both", () => run.stdout === "up\n" && inGroup(run.pid).length === 3);
  killGroup(run.pid);
  assert.deepEqual(await run.ended, { code: null, signal: "SIGKILL" });
  await waitFor("nobody", () => inGroup(run.pid).length === 0);
});
