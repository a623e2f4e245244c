// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// Each way through api/ that reads before it answers.
const paths = (id, run, kept) => [
  "/metrics", ...["/status", "/keys", `/keys/${id}`, "/roles", "/integrations", "/integrations/fusion",
    "/integrations/fusion/health", "/integrations/fusion/logs", `/integrations/fusion/logs/${run}`, "/runs", "/audit",
    "/inbound", "/quarantine", "/quarantine/groups", `/quarantine/${kept}`, `/quarantine/${kept}/payload`,
    "/scripts/isolates", "/scripts/oracle_fusion/generations", "/items", "/items?limit=1"].map((p) => `/api/v1${p}`),
];

async function plant(stage, faults = "") {
  const site = stage.site();
  site.write(mappingFile, mapping({
    partName: 'function(src) if src.ItemNumber:match("1$") then error("no") end return src.ItemDescription end',
  }));
  const { tenon } = await stage.plant({
    items: 12, site, workers: 1, env: { TENON_STORE_READS: "random:7", TENON_FAULTS: faults },
  });
  const { rest } = tenon;
  const { runId } = await rest.sync("fusion");
  const run = runId ?? (await rest.get("/integrations/fusion/logs")).logs[0].id;
  const { id } = await rest.want(201, "POST", "/keys", { name: "x", role: "viewer" });
  const [kept] = (await rest.get("/quarantine")).records;
  return { tenon, asked: paths(id, run, kept.id) };
}

// Sends a request and reads nothing; the socket.
function send(tenon, key, method, path, body = "") {
  return new Promise((resolve, reject) => {
    const socket = createConnection(tenon.port, "127.0.0.1", () => {
      const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${key}\r\n`;
      const json = body && `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
      socket.write(`${head}${json}\r\n${body}`, () => resolve(socket));
    });
    socket.on("error", reject);
  });
}

const sound = (tenon) => assert.doesNotMatch(tenon.output, /AddressSanitizer|LeakSanitizer|runtime error:/);

async function sendAll(tenon, asked) {
  const { key } = tenon.rest;
  const writes = [
    ["POST", "/api/v1/integrations/fusion/sync", '{"operation":"sync_items"}'],
    ["POST", "/api/v1/quarantine/discard", '{"filter":{"integration":"fusion"}}'],
    ["POST", "/api/v1/keys", '{"name":"late","role":"viewer"}'],
    ["POST", "/api/v1/items", '{"externalId":"late"}'],
  ];
  const all = [...asked.map((path) => ["GET", path]), ...writes];
  const sockets = await Promise.all(all.map((request) => send(tenon, key, ...request)));
  for (const socket of sockets) socket.on("error", () => {});
  return sockets;
}

story("clients that go while their reads are under way harm nothing, and what they began is done", async (stage) => {
  const { tenon, asked } = await plant(stage);
  for (let round = 0; round < 5; round++) {
    const sockets = await sendAll(tenon, asked);
    for (const [i, socket] of sockets.entries())
      if (i % 2) socket.resetAndDestroy();
      else socket.destroy();
    await tenon.rest.get("/status");
  }
  assert.equal(await tenon.restarts(), 0);
  const late = async () => (await tenon.rest.get("/audit?action=key.create")).audit.length;
  await waitFor("a key that was asked for by somebody who went", async () => (await late()) > 2);
  await tenon.stop();
  sound(tenon);
});

story("a stop finishes the requests that are under way", async (stage) => {
  const { tenon, asked } = await plant(stage);
  const sockets = await sendAll(tenon, asked);
  const answers = sockets.map((socket) => new Promise((resolve) => {
    let text = "";
    socket.on("data", (bytes) => (text += bytes)).on("close", () => resolve(text));
  }));
  await waitFor("a first answer", () => sockets.some((socket) => socket.bytesRead > 0));
  await tenon.stop();
  for (const answer of await Promise.all(answers)) assert.match(answer, /^(HTTP\/1\.1 \d\d\d |$)/);
  sound(tenon);
});

story("a stop that cannot wait cancels the reads that are under way", async (stage) => {
  const { tenon, asked } = await plant(stage, "app.drain=fail:1+");
  const sockets = await sendAll(tenon, asked);
  await waitFor("a first answer", () => sockets.some((socket) => socket.bytesRead > 0));
  await tenon.stop();
  assert.match(tenon.output, /stops before everything was finished/);
  sound(tenon);
});
