// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import http from "node:http";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const thing = `\
local tn = require "tenon"
return tn.resource {
  path = "/api/v1/things", key = { "code" },
  fields = {
    tn.text "code" { required = true, max = 10 },
    tn.text "name" { required = true },
    tn.text "kind" { values = { "A", "B" } },
    tn.text "form" { pattern = "^%u+$" },
    tn.int "size" { min = 1 },
    tn.date "day" {},
    tn.text "colour" { default = "red" },
    tn.uuid "serial" { generated = true },
    tn.object "box" { tn.int "width" {} },
    tn.secret "pin" {},
    tn.state "status" { "open", open = { "done" }, done = {} },
  },
  list = { filter = { "code" }, sort = { "code" }, page = { 50, max = 500 } },
}
`;

const adapter = `\
local tn = require "tenon"
local function operation(entity)
  return { title = entity, entity = entity, mapping = "maker/" .. entity,
           run = function(conn) conn:emit(conn:get("/" .. entity, nil, { raw = true })) end }
end
return tn.adapter {
  title = "Maker", type = "ERP", base = "url", auth = tn.auth.none {},
  config = { tn.url "url" { required = true } },
  operations = { things = operation "thing" },
}
`;

const fields = ["code", "name", "kind", "form", "size", "day", "serial", "box", "pin", "status"];
const mapping = `\
local map = require "tenon.map"
local from = map.from
return map {
  reads = "maker.thing", writes = "thing", key = from "id" :text(),
  set = {
${fields.map((f) => `    ${f} = from "${f}",`).join("\n")}
  },
}
`;

// Answers with what the test put there.
async function plant(stage) {
  const peer = { thing: [] };
  const server = http.createServer((_, reply) => {
    reply.setHeader("Content-Type", "application/json");
    reply.end(JSON.stringify(peer.thing));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  stage.defer(() => new Promise((done) => server.close(done)));
  const site = stage.site();
  site.write("scripts/resources/thing.lua", thing);
  site.write("scripts/adapters/maker.lua", adapter);
  site.write("mappings/maker/thing.lua", mapping);
  const tenon = await stage.tenon({ site });
  await tenon.rest.create({
    ...{ name: "maker", displayName: "Maker", type: "ERP", integrationType: "maker", enabled: true },
    config: { url: `http://127.0.0.1:${server.address().port}` },
  });
  const things = async () => (await tenon.rest.get("/things?sort=code")).things;
  return { peer, site, tenon, things };
}

const good = { name: "n" };
const nobody = "018f2a00-0000-7000-8000-000000000000";

// What is wrong, and how it is told: code, path, sentence.
const faults = [
  [{ name: undefined }, "required", "name", "name: it is required"],
  [{ name: null }, "null", "name", "name: it is required and may not be null"],
  [{ name: "" }, "empty", "name", "name: it may not be empty"],
  [{ size: "big" }, "type", "size", "size: it has to be a whole number, not a string"],
  [{ day: "soon" }, "format", "day", /^day: it has to be a date/],
  [{ code: "12345678901" }, "too_long", "code", "code: it has 11 characters; the most is 10"],
  [{ size: 0 }, "too_small", "size", "size: it has to be 1 or more"],
  [{ kind: "C" }, "one_of", "kind", "kind: it has to be one of A, B; did you mean 'A'?"],
  [{ form: "low" }, "pattern", "form", "form: it does not have the form ^%u+$"],
  [{ box: { height: 1 } }, "unknown", "box.height", /^box.height: there is no such field/],
  [{ serial: nobody }, "read_only", "serial", "serial: it is set by the system"],
  [{ status: "done" }, "start", "status", "status: a new record begins as 'open', not as 'done'"],
];

const is = (actual, expected) =>
  expected instanceof RegExp ? assert.match(actual, expected) : assert.equal(actual, expected);

story("each rule that a synced record breaks is told by code, path and sentence", async (stage) => {
  const { peer, tenon, things } = await plant(stage);
  peer.thing = faults.map(([wrong], i) => ({ id: `f${i}`, code: `F${i}`, ...good, ...wrong }));
  peer.thing.push({ id: "ok", code: "OK", ...good });
  const answer = await tenon.rest.sync("maker", "things");
  assert.deepEqual(
    [answer.status, answer.recordsCreated, answer.recordsFailed],
    ["PARTIAL", 1, faults.length],
  );
  const log = await tenon.rest.run("maker", answer.runId);
  assert.deepEqual(log.errors, answer.errors);
  faults.forEach(([, code, path, message], i) => {
    const error = answer.errors.find((e) => e.record === `f${i}`);
    assert.equal(error.code, "ERR_DATA_MAPPING");
    assert.equal(error.field, path);
    assert.deepEqual([error.faults.length, error.faults[0].code, error.faults[0].path], [1, code, path]);
    is(error.faults[0].message, message);
  });
  assert.deepEqual(paramsOf(answer, "f5"), { max: 10, is: 11 });
  assert.deepEqual((await things()).map((t) => t.code), ["OK"]);

  peer.thing = peer.thing.map((t, i) => ({ id: t.id, code: `F${i}`, ...good }));
  const healed = await tenon.rest.sync("maker", "things");
  assert.deepEqual([healed.status, healed.recordsCreated], ["SUCCESS", faults.length]);
});

const paramsOf = (answer, record) => answer.errors.find((e) => e.record === record).faults[0].params;

story("a synced record is filled as any other, keeps what was made for it and moves as it may", async (stage) => {
  const { peer, tenon, things } = await plant(stage);
  const sync = async () => {
    const run = await tenon.rest.sync("maker", "things");
    return [run.recordsCreated, run.recordsUpdated, run.recordsUnchanged, run.recordsFailed];
  };
  peer.thing = [
    { id: "1", code: "A", ...good, status: "open", pin: "1234" },
    { id: "2", code: "B", ...good },
  ];
  assert.deepEqual(await sync(), [2, 0, 0, 0]);
  const [first, second] = await things();
  assert.deepEqual([first.colour, first.status], ["red", "open"]);
  assert.deepEqual([second.colour, second.status], ["red", "open"]);
  assert.match(first.serial, /^[0-9a-f-]{36}$/);
  assert.notEqual(first.serial, second.serial);
  assert.ok(!JSON.stringify(first).includes("1234"), `a secret is not shown: ${JSON.stringify(first)}`);
  assert.deepEqual(await sync(), [0, 0, 2, 0]);

  peer.thing[0].status = "done";
  peer.thing[1].colour = "not mapped";
  peer.thing[1].name = "other";
  assert.deepEqual(await sync(), [0, 2, 0, 0]);
  const [done] = await things();
  assert.deepEqual([done.status, done.serial], ["done", first.serial]);

  peer.thing[0].status = "open";
  const back = await tenon.rest.sync("maker", "things");
  assert.deepEqual([back.status, back.recordsUnchanged, back.recordsFailed], ["PARTIAL", 1, 1]);
  assert.deepEqual(back.errors[0].faults, [
    {
      ...{ code: "move", path: "status", message: "status: it may not go from 'done' to 'open'" },
      params: { from: "done", to: "open" },
    },
  ]);
  assert.equal((await things())[0].status, "done");
});

story("a synced record whose key another one has is told as over REST", async (stage) => {
  const { peer, tenon, things } = await plant(stage);
  peer.thing = [{ id: "1", code: "A", ...good }];
  await tenon.rest.sync("maker", "things");
  peer.thing.push({ id: "2", code: "A", ...good });
  const run = await tenon.rest.sync("maker", "things");
  assert.equal(run.errors.length, 1);
  assert.equal(run.errors[0].code, "ERR_DUPLICATE_KEY");
  const [fault] = run.errors[0].faults;
  assert.deepEqual(
    [fault.code, fault.path, fault.message],
    ["taken", "code", "code: another thing has 'A' already"],
  );
  assert.equal((await things()).length, 1);
});

story("a failed record shows the rules that it breaks, and a retry goes by those of now", async (stage) => {
  const { peer, site, tenon, things } = await plant(stage);
  const { rest } = tenon;
  peer.thing = [{ id: "1", code: "A", ...good, kind: "C", size: 0 }];
  await rest.sync("maker", "things");
  const { records } = await rest.get("/quarantine?code=ERR_DATA_MAPPING");
  const [{ id, attempts, faults }] = records;
  assert.deepEqual([records.length, attempts, faults], [1, 1, undefined], "the list is short");
  const rules = async () => (await rest.get(`/quarantine/${id}`)).faults.map((f) => f.code).sort();
  assert.deepEqual(await rules(), ["one_of", "too_small"]);
  const shown = await tenon.command(["quarantine", "show", id]);
  assert.match(shown.stdout, /^rule +too_small: size: it has to be 1 or more$/m);

  const retryWith = async (declaration) => {
    site.write("scripts/resources/thing.lua", declaration);
    const reload = await tenon.command(["reload"]);
    assert.equal(reload.code, 0, reload.output);
    const plan = await rest.want(202, "POST", `/quarantine/${id}/retry`);
    return waitFor("the end of the retry", async () => {
      const { state, outcome } = await rest.get(`/plans/${plan.id}`);
      return state === "done" && outcome;
    });
  };
  const looser = thing.replace("{ min = 1 }", "{}");
  const whole = { total: 1, waiting: 0, skipped: 0 };
  assert.deepEqual(await retryWith(looser), { ...whole, repaired: 0, failed: 1 });
  assert.deepEqual(await rules(), ["one_of"]);
  const { attempts: now, code, field } = await rest.get(`/quarantine/${id}`);
  assert.deepEqual([now, code, field], [2, "ERR_DATA_MAPPING", "kind"]);

  const loosest = looser.replace('"A", "B"', '"A", "B", "C"');
  assert.deepEqual(await retryWith(loosest), { ...whole, repaired: 1, failed: 0 });
  assert.deepEqual((await things()).map((t) => [t.code, t.kind, t.size]), [["A", "C", 0]]);
  assert.equal((await rest.get("/quarantine")).total, 0);
});
