// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

story("rows of one item in two organizations do not overwrite each other", async (stage) => {
  const { tenon, fusion } = await stage.plant({ items: 30 });
  const { items } = fusion;
  const first = items.values(4);
  items.edit(5, {
    ItemId: first.ItemId,
    ItemNumber: first.ItemNumber,
    OrganizationId: "300000001548399",
    OrganizationCode: '"M9"',
  });
  const run = await tenon.rest.sync("fusion");
  assert.deepEqual([run.status, run.recordsCreated], ["SUCCESS", 30]);
  const all = await tenon.rest.allItems();
  const twins = all.filter((item) => item.partNumber === JSON.parse(first.ItemNumber));
  assert.deepEqual(twins.map((item) => item.organizationCode).sort(), ["M1", "M9"]);
  assert.equal(new Set(twins.map((item) => item.externalId)).size, 1, "the item's own id is one");

  const again = await tenon.rest.sync("fusion");
  assert.deepEqual([again.status, again.recordsUnchanged], ["SUCCESS", 30]);
});
