// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import http from "node:http";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const adapter = `\
local tn = require "tenon"

local function parts(conn) conn:emit(conn:get("/parts", nil, { raw = true })) end

local function pages(conn)
  for page = conn.resume and conn.resume.page or 0, 3 do
    conn:emit(conn:get("/parts/" .. page, nil, { raw = true }), "", { page = page + 1 })
  end
end

local function operation(choice, run)
  return { title = "Parts", entity = "item", mapping = "maker/part", run = run or parts, on_key_conflict = choice }
end

return tn.adapter {
  title = "Maker", type = "ERP", base = "url", auth = tn.auth.none {},
  config = { tn.url "url" { required = true } },
  operations = {
    refusing = operation(nil), adopting = operation "adopt", paged = operation("adopt", pages),
  },
}
`;

const mapping = `\
local map = require "tenon.map"
local from = map.from
return map {
  reads = "maker.part", writes = "item", key = from "id" :text(),
  set = {
    partNumber = from "no" :text(), organizationCode = map.const "V1", externalId = from "id" :text(),
    partName = from "no" :text(), partType = map.const "COMPONENT",
  },
}
`;

// The answer is what the test sets it to; a page waits for what holds it.
async function maker(stage) {
  const peer = { parts: [], pages: [], hold: {} };
  const server = http.createServer(async (request, reply) => {
    const page = /^\/parts\/(\d+)/.exec(request.url)?.[1];
    if (page in peer.hold) await peer.hold[page]();
    reply.setHeader("Content-Type", "application/json");
    reply.end(JSON.stringify(page ? peer.pages[page] : peer.parts));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  stage.defer(() => new Promise((done) => server.close(done)));
  peer.url = `http://127.0.0.1:${server.address().port}`;
  return peer;
}

async function plant(stage) {
  const peer = await maker(stage);
  const site = stage.site();
  site.write("scripts/adapters/maker.lua", adapter);
  site.write("mappings/maker/part.lua", mapping);
  const tenon = await stage.tenon({ site });
  await tenon.rest.create({
    ...{ name: "maker", displayName: "Maker", type: "ERP", integrationType: "maker" },
    ...{ enabled: true, config: { url: peer.url } },
  });
  return { peer, tenon };
}

const counts = (run) => [
  run.status,
  run.recordsCreated,
  run.recordsUpdated,
  run.recordsUnchanged,
  run.recordsFailed,
];

story("a record made anew under another id is refused, with all that is needed, or adopted", async (stage) => {
  const { peer, tenon } = await plant(stage);
  const items = async () => (await tenon.rest.allItems()).map((i) => [i.externalId, i.partNumber]);
  peer.parts = [{ id: "1", no: "C" }];
  assert.deepEqual(counts(await tenon.rest.sync("maker", "refusing")), ["SUCCESS", 1, 0, 0, 0]);
  const [{ id }] = await tenon.rest.allItems();

  peer.parts = [{ id: "9", no: "C" }];
  const refused = await tenon.rest.sync("maker", "refusing");
  assert.equal(refused.recordsFailed, 1);
  assert.deepEqual(
    refused.errors.map((e) => [e.code, e.record, e.message]),
    [
      [
        "ERR_DUPLICATE_KEY",
        "9",
        `key partNumber 'C', organizationCode 'V1' is held by item ${id} (external id 1 of this source); ` +
          "let the mapping make the keys differ or remove the old record, or let the operation say " +
          'on_key_conflict = "adopt"',
      ],
    ],
  );
  assert.deepEqual(await items(), [["1", "C"]]);

  assert.deepEqual(counts(await tenon.rest.sync("maker", "adopting")), ["SUCCESS", 0, 1, 0, 0]);
  assert.deepEqual(await items(), [["9", "C"]]);
  assert.equal((await tenon.rest.allItems())[0].id, id, "it is the same record");
  assert.deepEqual(counts(await tenon.rest.sync("maker", "refusing")), ["SUCCESS", 0, 0, 1, 0]);
});

story("two records of one key that are both there are refused, whatever the operation says", async (stage) => {
  const { peer, tenon } = await plant(stage);
  peer.parts = [{ id: "1", no: "C" }];
  await tenon.rest.sync("maker", "adopting");
  peer.parts.push({ id: "9", no: "C" });
  for (let i = 0; i < 2; i++) {
    const run = await tenon.rest.sync("maker", "adopting");
    assert.deepEqual([run.recordsUnchanged, run.recordsFailed], [1, 1]);
    assert.match(JSON.stringify(run.errors), /external id 1 of this source\): that one came, too; let the mapping/);
  }
});

story("records exchange and shift their keys in one page", async (stage) => {
  const { peer, tenon } = await plant(stage);
  peer.parts = ["A", "B", "C", "D"].map((no, i) => ({ id: String(i), no }));
  await tenon.rest.sync("maker", "refusing");
  peer.parts = ["B", "A", "D", "E"].map((no, i) => ({ id: String(i), no }));
  assert.deepEqual(counts(await tenon.rest.sync("maker", "refusing")), ["SUCCESS", 0, 4, 0, 0]);
  const all = (await tenon.rest.allItems()).map((i) => i.externalId + i.partNumber);
  assert.deepEqual(all.sort(), ["0B", "1A", "2D", "3E"]);
});

// 1 was made anew as 9, which comes first; 8 has the number of 2, which comes last.
story("over pages, and a kill -9 between them, only what is gone over there is adopted", async (stage) => {
  const { peer, tenon } = await plant(stage);
  const part = (id, no) => ({ id, no });
  peer.pages = [[part("1", "C")], [part("2", "D")], [part("3", "E")], [part("4", "F")]];
  assert.deepEqual(counts(await tenon.rest.sync("maker", "paged")), ["SUCCESS", 4, 0, 0, 0]);
  const before = (await tenon.rest.allItems()).find((i) => i.partNumber === "C").id;

  peer.pages = [[part("9", "C")], [part("8", "D")], [part("3", "E")], [part("2", "D")]];
  let reached, open;
  const arrived = new Promise((done) => (reached = done));
  const opened = new Promise((done) => (open = done));
  peer.hold[3] = () => (reached(), opened);
  const started = await tenon.rest.startSync("maker", "paged");
  await arrived;
  await waitFor("the page before it in the store", async () => {
    return (await tenon.rest.run("maker", started)).recordCount === 3;
  });
  for (const { pid } of tenon.children("worker")) {
    process.kill(pid, "SIGKILL");
    await waitFor("another worker in its place", () => {
      const pids = tenon.children("worker").map((p) => p.pid);
      return pids.length > 0 && !pids.includes(pid) && pids.length === tenon.workers;
    });
  }
  open();
  const run = await waitFor("the end of the run", async () => {
    const row = await tenon.rest.run("maker", started);
    return row.status !== "RUNNING" && row;
  });
  assert.ok(run.attempt >= 2, `attempt ${run.attempt}`);
  assert.deepEqual(
    run.errors.map((e) => [e.code, e.record]),
    [["ERR_DUPLICATE_KEY", "8"]],
  );
  assert.match(run.errors[0].message, /external id 2 of this source\): that one came, too;/);
  const items = await tenon.rest.allItems();
  const now = items.map((i) => i.externalId + i.partNumber).sort();
  assert.deepEqual(now, ["2D", "3E", "4F", "9C"]);
  assert.equal(items.find((i) => i.partNumber === "C").id, before, "it is the same record");
});
