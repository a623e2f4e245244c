// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { rule, shop } from "../harness/orders.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

story("a rule starts a sync, and says what is wrong with one that cannot be", async (stage) => {
  const body = `local run, err = tn.sync(event.data.name, event.data.what, event.data.filters)
    assert(store.transaction(function(tx)
      tx:create("note", { about = event.data.name, text = run and "started" or err.kind })
    end))`;
  const { tenon } = await stage.plant({ items: 12, site: shop(stage, { pull: rule("shop.pull", body) }) });
  const tell = (data) => tenon.rest.want(202, "POST", "//shop/events/shop.pull", data);
  const said = async (text) =>
    waitFor(`a note ${text}`, async () => (await tenon.rest.get(`/notes?text=${text}`)).notes[0]);
  await tell({ name: "fusion", what: "sync_items" });
  await said("started");
  await waitFor("the items", async () => (await tenon.rest.itemCount()) === 12);
  await waitFor("the end of the run", async () => {
    const [run] = (await tenon.rest.get("/integrations/fusion/logs")).logs;
    return run.status === "SUCCESS" && run;
  });
  await tell({ name: "fusion", what: "item" }); // the entity will do
  await waitFor("a second run", async () => (await tenon.rest.get("/integrations/fusion/logs")).logs.length === 2);
  await tell({ name: "fission", what: "item" });
  await said("not_found");
  await tell({ name: "fusion", what: "item", filters: { colour: "red" } });
  await waitFor("the filter's fault", () => /rule pull failed .*filters.colour/.test(tenon.output));
  assert.equal((await tenon.rest.get("/integrations/fusion/logs")).logs.length, 2);
});

story("rules that set off one another through a sync are stopped after eight steps", async (stage) => {
  const { fusion, tenon } = await stage.plant({
    items: 3,
    site: shop(stage, { again: rule("item.updated", `require "tenon.time".sleep(0.15) -- the item changes meanwhile
    local run, err = tn.sync("fusion", "item") if not run then error(err) end`,
      '\n  retry = { "50ms", "100ms", "200ms", "400ms", "800ms", "1600ms" },') }),
  });
  await tenon.rest.sync("fusion");
  const told = () => /rule again is given up: .*set off one another 8 times/.test(tenon.output);
  let edition = 0;
  await waitFor("the end of the circle", async () => {
    fusion.items.edit(1, { ItemDescription: `"edition ${edition++}"` }); // each sync finds a change
    if (edition === 1) await tenon.rest.sync("fusion");
    return told();
  }, { within: 30_000 });
  await waitFor("the dead letter", async () => (await tenon.rest.get("/quarantine?status=open")).total === 1);
  const runs = (await tenon.rest.get("/integrations/fusion/logs")).logs;
  assert.ok(runs.filter((r) => r.trigger === "SCRIPT").length >= 8, "the rules had started syncs");
});
