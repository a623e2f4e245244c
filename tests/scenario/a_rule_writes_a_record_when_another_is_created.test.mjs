// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { noting, notes, place, rule, shop } from "../harness/orders.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const noted = (tenon, n) =>
  waitFor(`${n} notes`, async () => {
    const all = await notes(tenon);
    return all.length >= n && all;
  });

story("a rule writes a record when another is created, once for each", async (stage) => {
  const site = shop(stage, { note_orders: noting("order.created") });
  const tenon = await stage.tenon({ site });
  const ids = [];
  for (let i = 0; i < 30; i++) ids.push(await place(tenon, `A${i}`));
  const all = await noted(tenon, 30);
  assert.deepEqual(all.map((n) => n.about).sort(), [...ids].sort());
  assert.deepEqual([...new Set(all.map((n) => n.text))], ["order.created"]);
});

story("rules match by wildcard and condition, and run once for an id", async (stage) => {
  const when = '\n  when = { ["data.kind"] = { "rush", "gift" } }, once = "data.id",';
  const site = shop(stage, {
    all_of_order: noting("order.*"),
    special: noting(["shop.asked", "shop.told"], when),
  });
  const tenon = await stage.tenon({ site });
  const id = await place(tenon, "A", { quantity: 5 });
  await tenon.rest.want(200, "POST", "//shop/orders/A/take?by=me");
  const kinds = ["rush", "plain", "gift", "rush"];
  for (const [i, kind] of kinds.entries())
    await tenon.rest.want(202, "POST", "//shop/events/shop.asked", { kind, id: `id${i % 3}` });
  await tenon.rest.want(202, "POST", "//shop/events/shop.left", { kind: "rush", id: "x" });
  await noted(tenon, 5);
  await place(tenon, "last");
  const all = await noted(tenon, 6);
  assert.deepEqual(
    all.filter((n) => n.about === id).map((n) => n.text),
    ["order.created", "order.updated", "order.taken"],
    "in the order of the record's events",
  );
  assert.equal(all.filter((n) => n.text === "shop.asked").length, 2, "once an id, special ones only");
  assert.equal(all.length, 6);
});

story("a rule that is added counts from the next event on, one that is removed no more", async (stage) => {
  const site = shop(stage);
  const tenon = await stage.tenon({ site });
  await place(tenon, "before");
  site.write("scripts/rules/note_orders.lua", noting("order.created"));
  await tenon.rest.want(200, "POST", "/scripts/reload");
  const id = await place(tenon, "now");
  assert.deepEqual((await noted(tenon, 1)).map((n) => n.about), [id]);
  site.remove("scripts/rules/note_orders.lua");
  await tenon.rest.want(200, "POST", "/scripts/reload");
  await place(tenon, "after");
  site.write("scripts/rules/note_orders.lua", noting("order.created"));
  await tenon.rest.want(200, "POST", "/scripts/reload");
  const last = await place(tenon, "again");
  assert.deepEqual((await noted(tenon, 2)).map((n) => n.about).sort(), [id, last].sort());
});

story("what happened while nobody was there is worked off after the restart", async (stage) => {
  const site = shop(stage, { note_orders: rule("order.created", "error('not yet')") });
  const tenon = await stage.tenon({ site });
  const id = await place(tenon, "A");
  await waitFor("the first failure", () => /rule note_orders failed/.test(tenon.output));
  await tenon.killGroup();
  site.write("scripts/rules/note_orders.lua", noting("order.created"));
  await tenon.start();
  assert.deepEqual((await noted(tenon, 1)).map((n) => n.about), [id]);
});
