// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { noting, notes, place, rule, shop } from "../harness/orders.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const retry = '\n  retry = { "20ms" },';
const open = async (tenon, query = "") => (await tenon.rest.get(`/quarantine?status=open${query}`)).records;

story("a rule that failed is mended, and the events that it missed are sent again", async (stage) => {
  const site = shop(stage, { note_orders: rule("order.created", 'error("the printer is out of paper")', retry) });
  const tenon = await stage.tenon({ site, workers: 2 });
  const ids = [];
  for (let i = 0; i < 5; i++) ids.push(await place(tenon, `A${i}`));
  await waitFor("all to be given up", async () => (await open(tenon)).length === 5);
  const [first, second] = await open(tenon);
  assert.deepEqual(
    [first.operation, first.entity, first.reason, first.file, first.line],
    ["rule", "note_orders", "the printer is out of paper", "scripts/rules/note_orders.lua", 8],
  );
  assert.equal(first.attempts, 2);
  assert.match(first.generation, /^[0-9a-f]{64}$/);
  const event = await tenon.rest.get(`/quarantine/${first.id}/payload`);
  assert.equal(event.type, "order.created");
  assert.ok(ids.includes(event.record.id));
  const shown = await tenon.command(["quarantine"]);
  assert.match(shown.stdout, /note_orders/);
  assert.match(shown.stdout, /the printer is out of paper/);

  site.write("scripts/rules/note_orders.lua", noting("order.created", retry));
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(await notes(tenon), [], "nothing is sent again by itself");
  const one = await tenon.rest.want(200, "POST", `/quarantine/${first.id}/retry`, {});
  assert.deepEqual(one, { id: first.id, status: "retried" });
  await waitFor("its note", async () => (await notes(tenon)).some((n) => n.about === event.record.id));
  await tenon.rest.refused(404, "NOT_FOUND", "POST", `/quarantine/${first.id}/retry`, {});

  await tenon.rest.want(204, "DELETE", `/quarantine/${second.id}?reason=of+no+use`);
  const plan = await tenon.rest.want(201, "POST", "/quarantine/retry",
    { filter: { operation: "rule", entity: "note_orders" } });
  assert.match(plan.effects, /^3 deliveries of operation rule will be sent again/);
  assert.equal((await notes(tenon)).length, 1, "a plan does nothing yet");
  const ran = await tenon.rest.want(200, "POST", `/plans/${plan.id}/run`, {});
  assert.equal(ran.state, "done");
  await waitFor("the other notes", async () => (await notes(tenon)).length === 4);
  const { records } = await tenon.rest.get(`/plans/${plan.id}`);
  assert.deepEqual(records.map((r) => r.outcome), Array(3).fill("sent again"));
  assert.deepEqual(await open(tenon), []);
  assert.equal(new Set((await notes(tenon)).map((n) => n.about)).size, 4, "each has its effect once");
  const acts = (await tenon.rest.get("/audit?action=quarantine.retry")).audit;
  assert.equal(acts.length, 2);
});

story("one that is given up again comes back as a new row", async (stage) => {
  const site = shop(stage, { broken: rule("order.created", 'error("still")', retry) });
  const tenon = await stage.tenon({ site });
  await place(tenon, "A");
  const row = await waitFor("the row", async () => (await open(tenon))[0]);
  await tenon.rest.want(200, "POST", `/quarantine/${row.id}/retry`, {});
  const again = await waitFor("a new row", async () => (await open(tenon)).find((r) => r.id !== row.id));
  assert.equal(again.externalId, row.externalId, "of the same event");
  assert.equal((await tenon.rest.get(`/quarantine/${row.id}`)).status, "retried");
});
