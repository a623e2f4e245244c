// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { Rest } from "../harness/rest.mjs";
import { story } from "../harness/story.mjs";

const machine = `local tn = require "tenon"
return tn.resource { path = "/api/v1/machines", key = { "number" }, fields = { tn.text "number" {} } }
`;
// A route for whoever may only read: the script notes what was asked for.
const desk = `local tn = require "tenon"
local store = require "tenon.store"
return tn.surface { path = "/desk", routes = { tn.route { "GET", "/ask/{what}", function(req)
  assert(store.transaction(function(tx) tx:audit("desk.ask", req.params.what, { why = "asked" }) end))
  return 200, {}
end } } }
`;

const rowsOf = async (rest, action, scope = "team") =>
  (await rest.get(`/audit?action=${action}${scope === "team" ? "" : "&scope=system"}`)).audit;

// Does the thing, and checks that exactly one new row tells all about it; the row.
async function audited(admin, who, action, { method, path, body, object }) {
  const before = (await rowsOf(admin, action)).length;
  const answer = await who.rest.send(method, path, body);
  assert.ok(answer.status < 300, `${path}: ${answer.status} ${answer.text}`);
  const rows = await rowsOf(admin, action);
  assert.equal(rows.length, before + 1, action);
  const [row] = rows;
  assert.deepEqual(
    [row.actor, row.actorKind, row.actorId, row.address, row.requestId, row.object],
    [who.name, "key", who.id, "127.0.0.1", answer.headers["x-request-id"], object ?? answer.body.id],
    action,
  );
  return row;
}

async function holder(tenon, name, role) {
  const { key, id } = await tenon.rest.want(201, "POST", "/keys", { name, role });
  return { name, id, rest: new Rest(tenon.port, key) };
}

story("an act over the network is told with its key, address and request", async (stage) => {
  const site = stage.site();
  site.write("scripts/resources/machine.lua", machine);
  site.write("scripts/surfaces/desk.lua", desk);
  site.write(mappingFile, mapping({ partName: 'function() error("no") end' }));
  const { tenon } = await stage.plant({ items: 4, site });
  const admin = tenon.rest;
  await admin.sync("fusion");
  const boss = await holder(tenon, "night shift", "admin");
  const reader = await holder(tenon, "reader", "viewer");

  const made = await audited(admin, boss, "key.create",
    { method: "POST", path: "/keys", body: { name: "x", role: "monitor" } });
  await audited(admin, boss, "key.revoke",
    { method: "DELETE", path: `/keys/${made.object}`, object: made.object });
  await audited(admin, boss, "role.create",
    { method: "POST", path: "/roles", body: { name: "picker", grants: ["item:read"] } });

  const [one, two, three, four] = (await admin.get("/quarantine")).records.map((r) => r.id);
  await audited(admin, boss, "quarantine.payload",
    { method: "GET", path: `/quarantine/${one}/payload`, object: one });
  await audited(admin, boss, "quarantine.discard", { method: "DELETE", path: `/quarantine/${one}`, object: one });
  const retried = await audited(admin, boss, "quarantine.retry", { method: "POST", path: `/quarantine/${two}/retry` });
  assert.deepEqual(retried.detail, { records: 1 });
  const plan = await admin.want(201, "POST", "/quarantine/discard", { ids: [three, four] });
  const gone = await audited(admin, boss, "quarantine.discard",
    { method: "POST", path: `/plans/${plan.id}/run`, object: plan.id });
  assert.deepEqual(gone.detail, { records: 2 });

  const { id } = await admin.want(201, "POST", "/machines", { number: "M1" });
  await audited(admin, boss, "machine.purge", { method: "DELETE", path: `/machines/${id}?hard=true`, object: id });
  assert.deepEqual(await rowsOf(admin, "machine.delete"), [], "what history keeps is not in the log");

  await audited(admin, reader, "desk.ask", { method: "GET", path: "//desk/ask/bolts", object: "bolts" });
  for (const { rest } of [boss, reader]) rest.close();
});

story("an act on the command line is told with the user of the machine, and one of the server as its own",
  async (stage) => {
    const tenon = await stage.tenon();
    const done = await tenon.command(["key", "create", "hand held", "--role", "viewer"]);
    assert.equal(done.code, 0, done.output);
    const [row] = await rowsOf(tenon.rest, "key.create");
    assert.deepEqual([row.actor, row.actorKind, row.actorId, row.address],
      ["command line", "local", String(process.getuid()), null]);
    assert.match(row.requestId, /^\S+$/);
    const [first] = await rowsOf(tenon.rest, "folder.create");
    assert.deepEqual([first.actor, first.actorKind, first.actorId, first.requestId], ["start", "server", null, null]);
    const shown = await tenon.command(["audit", "--action", "key.create"]);
    assert.match(shown.stdout, new RegExp(`command line +local ${process.getuid()} +key\\.create +${row.object}`));
  });

story("a revoked key opens nothing from then on, and what it did and its revocation stay in the log", async (stage) => {
  const tenon = await stage.tenon();
  const gone = await holder(tenon, "temporary", "admin");
  const role = await gone.rest.want(201, "POST", "/roles", { name: "picker", grants: ["item:read"] });
  assert.equal((await tenon.rest.send("DELETE", `/keys/${gone.id}`)).status, 204);
  await gone.rest.refused(401, "UNAUTHORIZED", "GET", "/roles");
  gone.rest.close();
  await tenon.rest.refused(404, "NOT_FOUND", "GET", `/keys/${gone.id}`);
  const [did] = await rowsOf(tenon.rest, "role.create");
  assert.deepEqual([did.actor, did.actorId, did.object], ["temporary", gone.id, role.id]);
  const about = (await tenon.rest.get(`/audit?object=${gone.id}`)).audit;
  assert.deepEqual(about.map((row) => row.action), ["key.revoke", "key.create"]);
});
