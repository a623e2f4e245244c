// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

story(
  "after a change upstream the items that changed are updated, and only they",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 60 });
    await tenon.rest.sync("fusion");
    const before = new Map((await tenon.rest.allItems()).map((item) => [item.partNumber, item]));

    fusion.items.edit(7, { ItemDescription: '"Bracket, now longer"' });
    fusion.items.edit(41, { ItemClass: '"Model"' });
    fusion.items.count = 61;
    const answer = await tenon.rest.sync("fusion");
    assert.deepEqual(
      [answer.recordsCreated, answer.recordsUpdated, answer.recordsUnchanged],
      [1, 2, 58],
    );

    const changed = (await tenon.rest.allItems())
      .filter((item) => before.get(item.partNumber)?.updatedAt !== item.updatedAt)
      .map((item) => item.partNumber);
    assert.deepEqual(changed.sort(), ["PN-000008", "PN-000042", "PN-000061"]);
    const item = await tenon.rest.item("PN-000008");
    assert.equal(item.partName, "Bracket, now longer");
    assert.equal(item.id, before.get("PN-000008").id, "it is still the same record");
  },
);
