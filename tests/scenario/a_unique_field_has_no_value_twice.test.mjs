// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import http from "node:http";
import { machines, plant } from "../harness/machines.mjs";
import { story } from "../harness/story.mjs";

const tn = 'local tn = require "tenon"\n';
const tool = (words) => `${tn}return tn.resource {
  path = "/api/v1/tools", key = { "code" },
  fields = { tn.text "code" { required = true }, tn.text "serial" { ${words} },
             tn.int "slot" { ${words} }, tn.time "seenAt" {} },
  list = { filter = { "serial" }, sort = { "code" }, page = { 50, max = 500 } },
}
`;
const path = "scripts/resources/tool.lua";
const unique = tool("unique = true");

const exchange = `${tn}local store = require "tenon.store"
return tn.surface { path = "/shed", routes = {
  tn.route { "POST", "/exchange", function(req)
    local body = req:json()
    local _, err = store.transaction(function(tx)
      tx:patch("tool", body.one, { serial = body.first })
      tx:patch("tool", body.other, { serial = body.second })
    end)
    if err then return err.status, { kind = err.kind, faults = err.faults } end
    return 200, {}
  end },
} }
`;

story("no two records have one value of a unique field, and records may exchange theirs", async (stage) => {
  const site = stage.site();
  site.write(path, unique);
  site.write("scripts/surfaces/shed.lua", exchange);
  const { rest } = await stage.tenon({ site });
  const one = await rest.want(201, "POST", "/tools", { code: "A", serial: "S1", slot: 1 });
  const other = await rest.want(201, "POST", "/tools", { code: "B", serial: "S2", slot: 2 });
  await rest.want(201, "POST", "/tools", { code: "C" });
  await rest.want(201, "POST", "/tools", { code: "D", serial: null });
  const error = await rest.refused(409, "DUPLICATE_KEY", "POST", "/tools", { code: "E", serial: "S1", slot: 5 });
  assert.equal(error.message, "serial: another tool has 'S1' already");
  assert.deepEqual(error.faults[0].params, { key: { serial: "S1" }, holder: one.id });
  const slot = await rest.refused(409, "DUPLICATE_KEY", "PATCH", `/tools/${other.id}`, { slot: 1 });
  assert.deepEqual(slot.faults.map((f) => [f.code, f.path]), [["taken", "slot"]]);
  const swap = { one: one.id, first: "S2", other: other.id, second: "S1" };
  await rest.want(200, "POST", "//shed/exchange", swap);
  const serials = async () => (await rest.get("/tools?sort=code")).tools.slice(0, 2).map((t) => t.serial);
  assert.deepEqual(await serials(), ["S2", "S1"]);
  const same = await rest.sendPlain("POST", "//shed/exchange", { ...swap, first: "S3", second: "S3" });
  assert.equal(same.status, 409, same.text);
  assert.deepEqual([same.body.kind, same.body.faults[0].path], ["key_taken", "serial"]);
  assert.deepEqual(await serials(), ["S2", "S1"]);
  assert.deepEqual((await rest.get("/tools?serial=S1")).tools.map((t) => t.code), ["B"]);
});

story("a field becomes unique only where its values are, and the word can be taken back", async (stage) => {
  const site = stage.site();
  site.write(path, tool(""));
  const tenon = await stage.tenon({ site });
  const { rest } = tenon;
  const one = await rest.want(201, "POST", "/tools", { code: "A", serial: "S1" });
  const other = await rest.want(201, "POST", "/tools", { code: "B", serial: "S1" });
  await rest.want(201, "POST", "/tools", { code: "C" });
  const preview = () => rest.send("POST", "/scripts/preview", { files: { [path]: unique } });
  const told = new RegExp(`the records ${one.id} and ${other.id} both have serial 'S1'`);
  const seen = await preview();
  assert.ok(seen.status >= 400, seen.text);
  assert.match(seen.body.error.message, told);
  site.write(path, unique);
  const answer = await rest.send("POST", "/scripts/reload");
  assert.ok(answer.status >= 400, answer.text);
  assert.match(answer.body.error.message, told);
  await rest.want(201, "POST", "/tools", { code: "D", serial: "S1" });
  for (const tool of (await rest.get("/tools?serial=S1")).tools)
    await rest.want(200, "PATCH", `/tools/${tool.id}`, { serial: `S-${tool.code}` });
  assert.equal((await preview()).status, 200);
  await rest.want(200, "POST", "/scripts/reload");
  await rest.refused(409, "DUPLICATE_KEY", "POST", "/tools", { code: "E", serial: "S-A" });
  site.write(path, tool(""));
  await rest.want(200, "POST", "/scripts/reload");
  await rest.want(201, "POST", "/tools", { code: "E", serial: "S-A" });
});

const adapter = `${tn}return tn.adapter {
  title = "Maker", type = "ERP", base = "url", auth = tn.auth.none {},
  config = { tn.url "url" { required = true } },
  operations = { tools = { title = "tools", entity = "tool", mapping = "maker/tool",
    run = function(conn) conn:emit(conn:get("/tools", nil, { raw = true })) end } },
}
`;
const mapping = `local map = require "tenon.map"
local from = map.from
return map { reads = "maker.tool", writes = "tool", key = from "id" :text(),
             set = { code = from "code", serial = from "serial" } }
`;

story("a synced record whose unique value is taken fails alone, and a page may exchange its values", async (stage) => {
  let answer = [];
  const server = http.createServer((_, reply) => {
    reply.setHeader("Content-Type", "application/json");
    reply.end(JSON.stringify(answer));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  stage.defer(() => new Promise((done) => server.close(done)));
  const site = stage.site();
  site.write(path, unique);
  site.write("scripts/adapters/maker.lua", adapter);
  site.write("mappings/maker/tool.lua", mapping);
  const { rest } = await stage.tenon({ site });
  await rest.create({
    ...{ name: "maker", displayName: "Maker", type: "ERP", integrationType: "maker", enabled: true },
    config: { url: `http://127.0.0.1:${server.address().port}` },
  });
  const holder = await rest.want(201, "POST", "/tools", { code: "own", serial: "S1" });
  answer = [
    { id: 1, code: "A", serial: "S1" },
    { id: 2, code: "B", serial: "S2" },
    { id: 3, code: "C", serial: "S3" },
  ];
  const run = await rest.sync("maker", "tools");
  assert.equal(run.status, "PARTIAL");
  assert.deepEqual([run.recordsCreated, run.recordsFailed], [2, 1]);
  const [error] = run.errors;
  assert.deepEqual([error.record, error.code], ["1", "ERR_DUPLICATE_KEY"]);
  assert.match(error.message, /key serial 'S1' is held by tool/);
  const [fault] = error.faults;
  assert.deepEqual([fault.code, fault.path], ["taken", "serial"]);
  assert.equal(fault.message, "serial: another tool has 'S1' already");
  assert.deepEqual(fault.params, { key: { serial: "S1" }, holder: holder.id });
  answer = [
    { id: 2, code: "B", serial: "S3" },
    { id: 3, code: "C", serial: "S2" },
  ];
  assert.equal((await rest.sync("maker", "tools")).status, "SUCCESS");
  const tools = (await rest.get("/tools?sort=code")).tools.map((t) => [t.code, t.serial]);
  assert.deepEqual(tools, [["B", "S3"], ["C", "S2"], ["own", "S1"]]);
});

const tagger = `${tn}local store = require "tenon.store"
return tn.rule { on = "machine.created", run = function(event)
  local _, err = store.transaction(function(tx) tx:create("machine", { number = "R1", tag = "T1" }) end)
  error(err.kind .. ": " .. err.message)
end }
`;

story("a rule that writes a unique value twice fails with the kind key_taken", async (stage) => {
  const site = plant(stage);
  site.write("scripts/rules/tag.lua", tagger);
  const tenon = await stage.tenon({ site });
  await tenon.rest.want(201, "POST", "/machines", { number: "M1", tag: "T1" });
  await tenon.logged(/key_taken: tag: another machine has 'T1' already/);
  assert.equal(await machines(tenon), 1);
});
