// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { call } from "../harness/rest.mjs";
import { integration, story } from "../harness/story.mjs";

const secret = "a webhook secret of more than 32 characters";

// One event from outside that nobody handles.
const postEvent = (tenon, n) => {
  const body = JSON.stringify({ eventType: "somebody.else", id: n });
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  return call(
    { host: "127.0.0.1", port: tenon.port },
    {
      method: "POST",
      path: "/api/v1/integrations/fusion/webhook",
      body,
      headers: { "x-hub-signature-256": `sha256=${signature}` },
    },
  );
};

// All rows of a list, a page at a time.
async function pages(rest, path, member, limit) {
  const rows = [];
  for (let cursor = ""; ; ) {
    const page = await rest.get(`${path}limit=${limit}${cursor && `&cursor=${cursor}`}`);
    assert.ok(page[member].length <= limit);
    rows.push(...page[member]);
    if (!page.pagination.hasMore) return rows;
    cursor = encodeURIComponent(page.pagination.nextCursor);
  }
}

const newestFirst = (rows, key) =>
  assert.deepEqual(rows.map((row) => row[key]), rows.map((row) => row[key]).sort().reverse());

story("the audit log is read newest first, filtered and in pages, by admins alone", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 5 });
  const { rest } = tenon;
  for (let i = 0; i < 4; i++)
    await rest.create(integration(fusion, { name: `plant-${i}` }));
  assert.equal((await rest.send("DELETE", "/integrations/plant-0")).status, 204);

  const all = await pages(rest, "/audit?", "audit", 2);
  newestFirst(all, "at");
  assert.equal(new Set(all.map((row) => row.id)).size, all.length);
  assert.equal(all[0].action, "integration.delete");
  assert.deepEqual(Object.keys(all[0]), ["id", "at", "actor", "actorKind", "actorId", "requestId", "address",
    "action", "object", "detail"]);
  const created = await rest.get("/audit?action=integration.create");
  assert.equal(created.audit.length, 5);
  const one = created.audit[1];
  const of = async (query) => (await rest.get(`/audit?${query}`)).audit.map((row) => row.id);
  assert.deepEqual(await of(`object=${one.object}&action=integration.create`), [one.id]);
  assert.deepEqual(await of(`actor=${encodeURIComponent(one.actor)}&from=${one.at}&to=${one.at}`),
    all.filter((row) => row.at === one.at && row.actor === one.actor).map((row) => row.id));
  assert.deepEqual(await of("to=2001-01-01T00:00:00Z"), []);
  assert.equal((await rest.get("/audit?limit=99999")).pagination.limit, 500);
  assert.ok((await rest.get("/audit?scope=system")).audit.every((row) => all.every((a) => a.id !== row.id)));

  const wrong = ["limit=0", "limit=x", "limit=1&limit=2", "from=yesterday", "cursor=x", "scope=all", "colour=red"];
  for (const query of wrong)
    assert.equal((await rest.send("GET", `/audit?${query}`)).status, 400, query);
  for (const role of ["plant_manager", "read_write", "read_only", "monitor"]) {
    const { key } = await rest.want(201, "POST", "/keys", { name: role, role });
    const authorization = { authorization: `Bearer ${key}` };
    assert.equal((await rest.send("GET", "/audit", undefined, authorization)).status, 403, role);
    assert.equal((await rest.send("GET", "/runs", undefined, authorization)).status, 200, role);
  }

  const told = await tenon.command(["audit", "--action", "integration.create", "--limit", "2"]);
  assert.equal(told.code, 0, told.output);
  assert.match(told.stdout,
    /^AT +ACTOR +FROM +ACTION +OBJECT\n(\S+ +.*integration\.create +\S+\n){2}there are older ones/);
  const json = await tenon.command(["audit", "--action", "integration.delete", "--json"]);
  assert.deepEqual(json.json.audit.map((row) => row.id), [all[0].id]);
  assert.equal((await tenon.command(["audit", "--from", "yesterday"])).code, 1);
});

story("runs of all integrations are one list, and those of a deleted one stay", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 5 });
  const { rest } = tenon;
  await rest.create(integration(fusion, { name: "other" }));
  for (const name of ["fusion", "other", "fusion"]) await rest.sync(name);
  const ids = Object.fromEntries((await rest.get("/integrations")).map((row) => [row.name, row.id]));

  const all = await pages(rest, "/runs?", "runs", 2);
  newestFirst(all, "createdAt");
  assert.deepEqual(all.map((run) => run.integration), [ids.fusion, ids.other, ids.fusion]);
  const count = async (query) => (await rest.get(`/runs?${query}`)).runs.length;
  assert.deepEqual(
    [await count(`integration=${ids.fusion}`), await count("status=SUCCESS"), await count("status=FAILURE"),
      await count("operation=sync_items"), await count("operation=none"),
      await count(`from=${all[0].createdAt}`), await count("to=2001-01-01T00:00:00Z")],
    [2, 3, 0, 3, 0, all.filter((run) => run.createdAt === all[0].createdAt).length, 0],
  );
  for (const query of ["integration=fusion", "status=GOOD", "to=x", "page=1"])
    assert.equal((await rest.send("GET", `/runs?${query}`)).status, 400, query);
  const table = await tenon.command(["runs"]);
  assert.equal(table.code, 0, table.output);
  assert.equal(table.stdout.trim().split("\n").length, 4);
  assert.match(table.stdout, new RegExp(`^STARTED +INTEGRATION .*\n.*${ids.fusion} +sync_items +SUCCESS`));
  assert.equal((await tenon.command(["runs", "--json"])).json.runs.length, 3);

  const before = await rest.get(`/integrations/${ids.fusion}/logs`);
  const run = await rest.run(ids.fusion, all[0].id);
  assert.equal((await rest.send("DELETE", "/integrations/fusion")).status, 204);
  await rest.create(integration(fusion));
  assert.equal((await rest.get("/integrations/fusion/logs")).total, 0, "the name is another's now");
  assert.deepEqual(await rest.get(`/integrations/${ids.fusion}/logs`), before);
  assert.equal((await rest.get(`/integrations/${ids.fusion}/logs?status=FAILURE`)).total, 0);
  assert.deepEqual(await rest.run(ids.fusion, all[0].id), run);
  const gone = await tenon.command(["runs", ids.fusion]);
  assert.equal(gone.code, 0, gone.output);
  assert.equal(gone.stdout.trim().split("\n").length, 3);
  const nobody = "018f0000-0000-7000-8000-000000000000";
  await rest.refused(404, "NOT_FOUND", "GET", `/integrations/${nobody}/logs`);
  await rest.refused(404, "NOT_FOUND", "GET", `/integrations/${nobody}/logs/${all[0].id}`);
  await rest.refused(404, "NOT_FOUND", "GET", `/integrations/${ids.other}/logs/${all[0].id}`);
});

story("events from outside are listed without what was in them", async (stage) => {
  const { tenon } = await stage.plant({ items: 5, config: { webhookSecret: secret } });
  const { rest } = tenon;
  for (let i = 0; i < 5; i++) assert.equal((await postEvent(tenon, i)).status, 202);
  const [{ id }] = await rest.get("/integrations");
  const all = await pages(rest, `/inbound?integration=${id}&status=IGNORED&`, "inbound", 2);
  assert.equal(all.length, 5);
  newestFirst(all, "receivedAt");
  assert.deepEqual(
    Object.keys(all[0]),
    ["id", "receivedAt", "integration", "delivery", "type", "status", "run", "failed", "reason"],
  );
  assert.equal((await rest.get("/inbound?status=ACCEPTED")).inbound.length, 0);
  for (const query of ["status=LOST", "integration=fusion", "actor=me"])
    assert.equal((await rest.send("GET", `/inbound?${query}`)).status, 400, query);
});
