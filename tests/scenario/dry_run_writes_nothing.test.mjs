// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

story("a dry run says what would change and writes nothing", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 30 });
  const first = await tenon.rest.sync("fusion", "sync_items", { dryRun: true });
  assert.deepEqual([first.success, first.recordsProcessed, first.recordsCreated], [true, 30, 30]);
  assert.equal(await tenon.rest.itemCount(), 0);
  assert.equal((await tenon.rest.get("/integrations/fusion/logs")).total, 0, "it leaves no run");

  await tenon.rest.sync("fusion");
  fusion.items.edit(3, { ItemDescription: '"other"' });
  const second = await tenon.rest.sync("fusion", "sync_items", { dryRun: true });
  assert.deepEqual([second.recordsUpdated, second.recordsUnchanged], [1, 29]);
  assert.notEqual((await tenon.rest.item("PN-000004")).partName, "other");
});
