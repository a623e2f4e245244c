// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import http from "node:http";
import { call } from "../harness/rest.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const secret = "a webhook secret of more than 32 characters";

// An upstream that notes the query of each read, and answers as `answer` says.
class Parts {
  reads = [];
  waiting = [];
  answer = () => 200;

  async start(stage) {
    this.server = http.createServer((request, response) => {
      const query = Object.fromEntries(new URL(request.url, "http://x").searchParams);
      this.reads.push(query);
      const status = this.answer(query);
      const send = () => response.writeHead(status || 200, { "content-type": "application/json" }).end('{"rows":[]}');
      if (status) send();
      else this.waiting.push(send);
    });
    await new Promise((resolve) => {
      this.server.listen(0, "127.0.0.1", resolve);
    });
    stage.defer(() => {
      this.server.closeAllConnections();
      this.server.close();
    });
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  // Answers what hangs, and what comes from now on.
  open() {
    this.answer = () => 200;
    for (const send of this.waiting.splice(0)) send();
  }
}

const adapter = (name, webhook) => `local tn = require "tenon"
return tn.adapter {
  config = { tn.url "url" { required = true }, tn.secret "hook" { required = true },
             tn.int "retryAttempts" { default = 0 } },
  base = "url",
  webhook = tn.webhook { signature = "X-Signature", secret = "hook", ${webhook} },
  operations = { sync_parts = { entity = "item", mapping = "${name}/item",
    filters = { tn.text "number" {}, tn.time "since" {} },
    run = function(conn, filters) conn:get("/parts", { number = filters.number, since = filters.since }) end } },
}
`;
const mapping = (name) => `local map = require "tenon.map"
return map { reads = "${name}.item", writes = "item", key = "partNumber",
  set = { partNumber = map.from "no" :text() :required() } }
`;
const runs = `runs = {
  part = { operation = "sync_parts", since = "since", filters = { number = "data.number" } },
  changed = { operation = "sync_parts", since = "since" }, all = "sync_parts" }`;

// A Tenon with an integration for each adapter: {name: webhook}.
const plant = async (stage, adapters, options = {}) => {
  const parts = await new Parts().start(stage);
  const site = stage.site();
  for (const [name, webhook] of Object.entries(adapters)) {
    site.write(`scripts/adapters/${name}.lua`, adapter(name, webhook));
    site.write(`mappings/${name}/item.lua`, mapping(name));
  }
  const tenon = await stage.tenon({ site, ...options });
  for (const name of Object.keys(adapters))
    await tenon.rest.want(201, "POST", "/integrations", {
      name, integrationType: name, config: { url: parts.url, hook: secret },
    });
  return { parts, tenon };
};

// Delivers an event: "202 accepted".
const deliver = async (tenon, name, event, headers = {}) => {
  const body = typeof event === "string" ? event : JSON.stringify(event);
  const { status, body: said } = await call({ host: "127.0.0.1", port: tenon.port }, {
    method: "POST", path: `/api/v1/integrations/${name}/webhook`, body,
    headers: { "x-signature": createHmac("sha256", secret).update(body).digest("hex"), ...headers },
  });
  return `${status} ${said.status ?? said.error.code}`;
};
const inbound = async (tenon, query = "limit=500") => (await tenon.rest.get(`/inbound?${query}`)).inbound;
const withStatus = (tenon, status, n = 1) =>
  waitFor(`${n} events that are ${status}`,
    async () => (await inbound(tenon, `status=${status}&limit=500`)).length === n,
    { within: 40_000 });

story("deliveries of one event are told by header, path or body, as the adapter declares", async (stage) => {
  const { tenon } = await plant(stage, {
    by_header: 'id = { header = "X-Event-Id" }', by_path: 'id = { path = "event.id" }',
    by_body: 'id = "body", replay_window = "2s"', other_body: 'id = "body"', by_nothing: 'type = "kind"',
  });
  const said = (...args) => deliver(tenon, ...args);
  assert.equal(await said("by_header", "{}", { "x-event-id": "1" }), "202 ignored");
  assert.equal(await said("by_header", '{"a":1}', { "x-event-id": "1" }), "200 duplicate");
  assert.equal(await said("by_header", '{"a":1}', { "x-event-id": "2" }), "202 ignored");
  assert.equal(await said("by_path", '{"event":{"id":12345678901234567890}}'), "202 ignored");
  assert.equal(await said("by_path", '{"event":{"id":12345678901234567890},"again":true}'), "200 duplicate");
  assert.equal(await said("by_path", '{"event":{"id":12345678901234567891}}'), "202 ignored");
  for (const name of ["by_body", "other_body"])
    assert.equal(await said(name, '{"same":1}'), "202 ignored", "integrations do not clash");
  assert.equal(await said("by_body", '{"same":1}'), "200 duplicate");
  for (let i = 0; i < 2; i++) assert.equal(await said("by_nothing", "{}"), "202 ignored");
  assert.equal((await inbound(tenon)).length, 8, "those that counted are there, and only they");
  await waitFor("the end of the window", async () => (await said("by_body", '{"same":1}')) === "202 ignored");
  assert.equal(await said("other_body", '{"same":1}'), "200 duplicate", "its window is five minutes");
});

story("a delivery without its declared id counts each time, and the log says so", async (stage) => {
  const { tenon } = await plant(stage, {
    by_header: 'id = { header = "X-Event-Id" }',
    by_path: 'id = { path = "event.id" }',
  });
  for (let i = 0; i < 2; i++) {
    assert.equal(await deliver(tenon, "by_header", "{}"), "202 ignored");
    assert.equal(await deliver(tenon, "by_path", '{"event":{"id":{}}}'), "202 ignored");
  }
  assert.equal((await inbound(tenon)).length, 4);
  await tenon.logged(/by_header: an event without the header 'X-Event-Id', which is its id/);
  await tenon.logged(/by_path: an event without the member 'event.id', which is its id/);
});

story("a run reads what the event names, else since the last good run", async (stage) => {
  const { parts, tenon } = await plant(stage, { parts: runs });
  const done = async (event, n) => {
    assert.equal(await deliver(tenon, "parts", event), "202 accepted");
    await withStatus(tenon, "DONE", n);
    return parts.reads.at(-1);
  };
  assert.deepEqual(await done({ type: "changed" }, 1), {}, "there was no good run yet");
  const [first] = (await tenon.rest.get("/integrations/parts/logs")).logs;
  const second = await done({ type: "changed" }, 2);
  assert.deepEqual(Object.keys(second), ["since"]);
  const start = Date.parse(second.since) + 600_000;
  assert.ok(Date.parse(first.createdAt) <= start && start <= Date.parse(first.finishedAt), second.since);
  assert.deepEqual(await done({ type: "part", data: { number: "A-1" } }, 3), { number: "A-1" });
  await tenon.rest.sync("parts", "sync_parts", { filters: { since: "2099-01-01T00:00:00Z" } });
  const named = await done({ type: "part", data: {} }, 4);
  const [, , , good] = (await tenon.rest.get("/integrations/parts/logs")).logs; // newest first: this, 2099, A-1, good
  const from = Date.parse(named.since) + 600_000;
  assert.ok(Date.parse(good.createdAt) <= from && from <= Date.parse(good.finishedAt),
    "a run with a time of somebody else's, or of one part, has not read all");
  await tenon.logged(
    /parts: an event part lacks 'data.number', which a filter takes: its run reads since the last good run/,
  );
  assert.deepEqual(await done({ type: "all" }, 5), {});
});

story("an event that fails for good is in quarantine, and its repetition counts", async (stage) => {
  const { parts, tenon } = await plant(stage, { parts: `id = "body", retry = { "50ms", "50ms" }, ${runs}` });
  parts.answer = () => 400;
  const event = { type: "part", data: { number: "A-1" } };
  assert.equal(await deliver(tenon, "parts", event), "202 accepted");
  assert.equal(await deliver(tenon, "parts", event), "200 duplicate");
  await withStatus(tenon, "FAILED");
  const [failed] = await inbound(tenon);
  assert.equal(failed.failed, 3);
  assert.match(failed.reason, /the run failed: .*400/);
  assert.equal(parts.reads.length, 3);
  const { records } = await tenon.rest.get("/quarantine");
  assert.deepEqual(
    records.map((q) => [q.operation, q.entity, q.externalId, q.status, q.reason, q.integration.name]),
    [["webhook", "sync_parts", failed.id, "open", failed.reason, "parts"]],
  );
  assert.deepEqual(await tenon.rest.get(`/quarantine/${records[0].id}/payload`), event);
  parts.open();
  assert.equal(await deliver(tenon, "parts", event), "202 accepted", "what failed is no duplicate");
  await withStatus(tenon, "DONE");
  assert.equal(await deliver(tenon, "parts", event), "200 duplicate", "what is done is one");
  await tenon.rest.want(200, "POST", `/quarantine/${records[0].id}/retry`, {});
  await withStatus(tenon, "DONE", 2);
  assert.equal((await tenon.rest.get("/quarantine?status=open")).records.length, 0, "both are done");
});

story("an event does not wait for another integration whose upstream hangs", async (stage) => {
  const { parts, tenon } = await plant(stage, { hanging: runs, quick: runs });
  parts.answer = (query) => (query.number === "hangs" ? 0 : 200);
  for (let i = 0; i < 20; i++)
    assert.equal(await deliver(tenon, "hanging", { type: "part", data: { number: "hangs" } }), "202 accepted");
  await waitFor("the hanging read", () => parts.waiting.length > 0);
  assert.equal(await deliver(tenon, "quick", { type: "changed" }), "202 accepted");
  await withStatus(tenon, "DONE");
  assert.equal(parts.waiting.length, 1, "the other still hangs");
});

story("events survive kill -9 while their run is under way, and end with few runs", async (stage) => {
  const { parts, tenon } = await plant(stage, { parts: runs });
  parts.answer = () => 0;
  for (let i = 0; i < 30; i++)
    assert.equal(await deliver(tenon, "parts", { type: "changed", i }), "202 accepted");
  await waitFor("the run", () => parts.waiting.length > 0);
  await tenon.killGroup();
  parts.open();
  await tenon.start();
  await withStatus(tenon, "DONE", 30);
  assert.ok(parts.reads.length <= 6, `${parts.reads.length} reads`);
});
