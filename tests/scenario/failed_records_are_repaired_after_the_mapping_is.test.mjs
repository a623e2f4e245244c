// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// Items 1 to `strict` fail with one mapping, only `hopeless` of them with the other.
const refusing = (n) =>
  mapping({
    partName: `function(src)
      local n = tonumber(src.ItemNumber:match("%d+$"))
      if n <= ${n} then error("no name for " .. src.ItemNumber) end
      return src.ItemDescription
    end`,
  });

async function failing(stage, { bad = 43, items = 60, ...options } = {}) {
  const site = stage.site();
  site.write(mappingFile, refusing(bad));
  const planted = await stage.plant({ items, site, ...options });
  const answer = await planted.tenon.rest.sync("fusion");
  assert.equal(answer.recordsFailed, bad, JSON.stringify(answer));
  return { site, ...planted };
}

const ended = (tenon, id) =>
  waitFor(`the end of plan ${id}`, async () => {
    const plan = await tenon.rest.get(`/plans/${id}`);
    return plan.state === "done" && plan;
  });

async function reload(tenon, site, bad) {
  site.write(mappingFile, refusing(bad));
  const done = await tenon.command(["reload"]);
  assert.equal(done.code, 0, done.output);
}

story("41 of 43 failed records are repaired, and every count adds up", async (stage) => {
  const { site, tenon, fusion } = await failing(stage);
  const { rest } = tenon;
  const list = await rest.get("/quarantine?integration=fusion&limit=10");
  assert.deepEqual([list.total, list.records.length], [43, 10]);
  const [first] = list.records;
  assert.deepEqual(
    [first.integration.name, first.operation, first.status, first.code, first.field, first.attempts],
    ["fusion", "sync_items", "open", "ERR_DATA_MAPPING", "partName", 1],
  );
  const { groups, capped } = await rest.get("/quarantine/groups");
  assert.equal(capped, false);
  assert.deepEqual(
    groups.map((g) => [g.operation, g.field, g.count]),
    [["sync_items", "partName", 43]],
  );
  assert.ok(groups[0].reason.includes("PN-#"), groups[0].reason);

  const metric = async () => {
    const { text } = await rest.send("GET", "//metrics");
    return /^tenon_quarantine_records\{team="\d+",integration="fusion",operation="sync_items"\} (\d+)$/m.exec(text)[1];
  };
  assert.equal(await metric(), "43");
  assert.deepEqual((await rest.get("/status")).quarantineRecords, [
    { integration: "fusion", operation: "sync_items", records: 43 },
  ]);
  const pages = fusion.pages.length;
  await reload(tenon, site, 2);
  const plan = await rest.want(201, "POST", "/quarantine/retry", {
    filter: { integration: "fusion", code: "ERR_DATA_MAPPING" },
  });
  assert.deepEqual(
    [plan.action, plan.state, plan.count, plan.capped, plan.samples.length],
    ["retry", "ready", 43, false, 20],
  );
  assert.match(plan.effects, /43 records of sync_items of fusion/);
  const started = await rest.want(202, "POST", `/plans/${plan.id}/run`);
  const done = await ended(tenon, plan.id);
  assert.deepEqual(done.outcome, {
    total: 43,
    repaired: 41,
    failed: 2,
    waiting: 0,
    skipped: 0,
  });
  assert.equal(done.records.length, 43);
  for (const [outcome, n] of [
    ["repaired", 41],
    ["failed", 2],
  ])
    assert.equal(done.records.filter((r) => r.outcome === outcome).length, n, outcome);
  assert.equal(fusion.pages.length, pages, "nothing was asked of the peer");

  const run = await rest.run("fusion", started.runId);
  assert.deepEqual(
    [run.trigger, run.status, run.createdCount, run.errorCount],
    ["RETRY", "PARTIAL", 41, 2],
  );
  assert.equal(await rest.itemCount(), 58);
  const left = await rest.get("/quarantine");
  assert.equal(left.total, 2);
  assert.equal(await metric(), "2");
  for (const record of left.records)
    assert.deepEqual([record.attempts, record.runId], [2, started.runId]);

  await rest.refused(409, "CONFLICT", "POST", `/plans/${plan.id}/run`);
  const again = await rest.sync("fusion");
  assert.deepEqual([again.recordsCreated, again.recordsUnchanged], [0, 58], "links are those of a run");
});

story("filters, ids and payloads of quarantine are exact, and ids of nobody are 404", async (stage) => {
  const { tenon, fusion } = await failing(stage, { bad: 3, items: 5 });
  const { rest } = tenon;
  const { records } = await rest.get("/quarantine");
  const [record] = records;
  for (const [query, total] of [
    ["operation=sync_items", 3],
    ["operation=sync_boms", 0],
    [`externalId=${record.externalId}`, 1],
    [`run=${record.runId}`, 3],
    ["status=discarded", 0],
    ["code=ERR_DATA_MAPPING&entity=" + record.entity, 3],
    ["createdAfter=2020-01-01T00:00:00Z&createdBefore=2020-01-02T00:00:00Z", 0],
    [`integration=${record.integration.id}`, 3],
    ["integration=nobody", 0],
  ])
    assert.equal((await rest.get(`/quarantine?${query}`)).total, total, query);
  const one = await rest.get("/quarantine?limit=2");
  const two = await rest.get(`/quarantine?limit=2&cursor=${encodeURIComponent(one.nextCursor)}`);
  assert.deepEqual(
    [...one.records, ...two.records].map((r) => r.id),
    records.map((r) => r.id),
  );
  assert.equal(two.nextCursor, null);
  for (const query of ["colour=red", "limit=0", "createdAfter=noon", "cursor=nonsense", "code="])
    await rest.refused(400, "BAD_REQUEST", "GET", `/quarantine?${query}`);

  assert.deepEqual(await rest.get(`/quarantine/${record.id}`), record);
  assert.ok(!JSON.stringify(record).includes("ItemNumber"), "a record is shown without its payload");
  const payload = await rest.send("GET", `/quarantine/${record.id}/payload`);
  assert.equal(payload.headers["content-type"], "application/json");
  const at = +JSON.parse(payload.text).ItemNumber.slice(3) - 1;
  const sent = fusion.items.text(at).slice(0, -1); // its links follow
  assert.ok(payload.text.startsWith(`${sent},"links":[`), `byte for byte: ${payload.text}`);
  const reader = await rest.want(201, "POST", "/keys", { name: "reader", role: "read_only" });
  const bearer = { authorization: `Bearer ${reader.key}` };
  await rest.want(200, "GET", `/quarantine/${record.id}`, undefined, bearer);
  await rest.refused(403, "FORBIDDEN", "GET", `/quarantine/${record.id}/payload`, undefined, bearer);
  const nobody = "01890000-0000-7000-8000-000000000000";
  for (const path of [`/quarantine/${nobody}`, `/quarantine/${nobody}/payload`, `/plans/${nobody}`])
    await rest.refused(404, "NOT_FOUND", "GET", path);
  await rest.refused(404, "NOT_FOUND", "POST", `/quarantine/${nobody}/retry`);
  await rest.refused(404, "NOT_FOUND", "DELETE", `/quarantine/${nobody}`);
  await rest.refused(404, "NOT_FOUND", "POST", "/quarantine/discard", { ids: [record.id, nobody] });
  for (const body of [{}, { filter: {} }, { ids: [] }, { ids: [record.id], filter: { code: "x" } }])
    await rest.refused(422, "VALIDATION_ERROR", "POST", "/quarantine/discard", body);
});

story("one record is retried or given up by itself, and a plan whose set changed is refused", async (stage) => {
  const { site, tenon } = await failing(stage, { bad: 4, items: 5 });
  const { rest } = tenon;
  const { records } = await rest.get("/quarantine");
  const plan = await rest.want(201, "POST", "/quarantine/discard", {
    filter: { integration: "fusion" },
    reason: "the plant was closed",
  });
  await reload(tenon, site, 2);
  const good = records.find((r) => r.reason.includes("PN-000004"));
  const direct = await rest.want(202, "POST", `/quarantine/${good.id}/retry`);
  assert.deepEqual((await ended(tenon, direct.id)).outcome.repaired, 1);
  await rest.refused(404, "NOT_FOUND", "GET", `/quarantine/${good.id}`);
  const error = await rest.refused(409, "CONFLICT", "POST", `/plans/${plan.id}/run`);
  assert.match(error.message, /4 records fitted .* now 3 do/);

  const bad = records.find((r) => r.reason.includes("PN-000001"));
  await rest.want(204, "DELETE", `/quarantine/${bad.id}?reason=obsolete`);
  const again = await rest.refused(404, "NOT_FOUND", "DELETE", `/quarantine/${bad.id}`);
  assert.equal(again.message, `there is no open record '${bad.id}' in quarantine`);
  const gone = await rest.get(`/quarantine/${bad.id}`);
  assert.deepEqual([gone.status, gone.discardReason], ["discarded", "obsolete"]);
  assert.ok(gone.discardedBy && gone.discardedAt);
  await rest.refused(404, "NOT_FOUND", "POST", `/quarantine/${bad.id}/retry`);

  const { id } = records.find((r) => r.reason.includes("PN-000002"));
  const byId = await rest.want(201, "POST", "/quarantine/retry", { ids: [id] });
  const second = await rest.want(201, "POST", "/quarantine/discard", {
    filter: { integration: "fusion" },
    reason: "the plant was closed",
  });
  const done = await rest.want(200, "POST", `/plans/${second.id}/run`);
  assert.deepEqual([done.state, done.count], ["done", 2]);
  assert.deepEqual((await rest.get(`/plans/${second.id}`)).outcome, {
    total: 2,
    discarded: 2,
    waiting: 0,
    skipped: 0,
  });
  assert.equal((await rest.get("/quarantine?status=open")).total, 0);
  await rest.refused(409, "CONFLICT", "POST", `/plans/${byId.id}/run`);
  assert.equal((await rest.get("/quarantine?status=discarded")).total, 3);
});

// At each commit of the store, and at each step of the run, in turn.
for (const place of [
  ...[1, 2, 3, 4, 5, 6].map((n) => `store.commit=crash:${n}`),
  ...["fetched", "mapped", "committed"].map((step) => `sync.page.${step}=crash:1`),
])
  story(`a kill at ${place} leaves each record of a retry either cured or there`, async (stage) => {
    const { site, tenon } = await failing(stage, { bad: 120, items: 130, workers: 1 });
    await reload(tenon, site, 5);
    const made = await tenon.rest.want(201, "POST", "/quarantine/retry", {
      filter: { integration: "fusion" },
    });
    await tenon.stop();
    tenon.env = { TENON_FAULTS: place };
    await tenon.start().catch(() => {});
    const asked = await tenon.rest?.send("POST", `/plans/${made.id}/run`).catch(() => null);
    if (asked?.status === 202)
      await waitFor("the blow or the end", async () => {
        const plan = await tenon.rest.send("GET", `/plans/${made.id}`).catch(() => null);
        return plan?.body?.state === "done" || (await tenon.restarts().catch(() => 0)) > 0;
      });
    const before = await tenon.killGroup().then(() => tenon.output);
    tenon.env = {};
    await tenon.start();
    const left = await tenon.rest.get(`/plans/${made.id}`);
    if (left.state === "ready") await tenon.rest.want(202, "POST", `/plans/${made.id}/run`);
    const { outcome } = await ended(tenon, made.id);
    assert.deepEqual(
      [outcome.total, outcome.repaired, outcome.failed, outcome.skipped],
      [120, 115, 5, 0],
      before,
    );
    const open = await tenon.rest.get("/quarantine");
    assert.equal(open.total, 5);
    for (const record of open.records) assert.equal(record.attempts, 2);
    assert.equal(await tenon.rest.itemCount(), 125);
  });

story("hundreds of records are one group and one plan, which waits for no running sync", async (stage) => {
  const { site, tenon, fusion } = await failing(stage, { bad: 450, items: 460 });
  const { rest } = tenon;
  const { groups, looked } = await rest.get("/quarantine/groups");
  assert.deepEqual([groups.length, groups[0].count, looked], [1, 450, 450]);
  await reload(tenon, site, 10);
  const plan = await rest.want(201, "POST", "/quarantine/retry", {
    filter: { integration: "fusion" },
  });
  const gate = fusion.hold("items");
  const runId = await rest.startSync("fusion");
  const busy = await rest.refused(409, "CONFLICT", "POST", `/plans/${plan.id}/run`);
  assert.match(busy.message, /sync_items of this integration is running already/);
  await rest.want(204, "DELETE", `/integrations/fusion/logs/${runId}`);
  await waitFor("the end of the sync", async () => {
    const { status } = await rest.run("fusion", runId);
    return status !== "RUNNING";
  });
  gate.open(); // no page of it came meanwhile, so the plan's records are as they were
  await rest.want(202, "POST", `/plans/${plan.id}/run`);
  const { outcome } = await ended(tenon, plan.id);
  assert.deepEqual([outcome.total, outcome.repaired, outcome.failed], [450, 440, 10]);
  assert.equal((await rest.get("/quarantine")).total, 10);
});

story("a plan that is carried out too late is refused with its end, and changes nothing", async (stage) => {
  const { tenon } = await failing(stage, { bad: 3, items: 4, env: { TENON_FAULTS: "plans.expired=fail:1+" } });
  const { rest } = tenon;
  for (const action of ["retry", "discard"]) {
    const plan = await rest.want(201, "POST", `/quarantine/${action}`, { filter: { integration: "fusion" } });
    const error = await rest.refused(410, "GONE", "POST", `/plans/${plan.id}/run`);
    assert.equal(error.message, `this plan was good until ${plan.expiresAt}: make a new one`);
    assert.equal((await rest.get(`/plans/${plan.id}`)).state, "ready");
  }
  assert.equal((await rest.get("/quarantine?status=open")).total, 3);
  for (const done of ["retry", "discard"])
    assert.deepEqual((await rest.get(`/audit?action=quarantine.${done}`)).audit, []);
});

story("a plan takes 2,000 records, says so, and a second one takes the rest", async (stage) => {
  const { tenon } = await failing(stage, { bad: 2001, items: 2002 });
  const { rest } = tenon;
  const wish = { filter: { integration: "fusion" }, reason: "obsolete" };
  const first = await rest.want(201, "POST", "/quarantine/discard", wish);
  assert.deepEqual([first.count, first.matching, first.capped], [2000, 2001, true]);
  assert.match(first.effects, / More fit the filter, and a plan takes 2000: carry this one out, then make another /);
  await rest.want(200, "POST", `/plans/${first.id}/run`);
  const second = await rest.want(201, "POST", "/quarantine/discard", wish);
  assert.deepEqual([second.count, second.matching, second.capped], [1, 1, false]);
  assert.doesNotMatch(second.effects, /make another/);
  const error = await rest.refused(422, "VALIDATION_ERROR", "POST", "/quarantine/discard",
    { ids: Array(2001).fill(second.samples[0].id) });
  assert.match(error.message, /1 to 2000 ids of records: name more in another plan, or name them by a filter/);
});
