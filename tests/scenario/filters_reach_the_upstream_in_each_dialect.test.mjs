// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

const filters = {
  organizationCode: "M2",
  itemClass: "Manufactured",
  modifiedSince: "2024-10-01T01:00:00Z",
};

for (const dialect of ["reference", "real"]) {
  story(`filters select upstream in the ${dialect} dialect`, async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 120, fusion: { dialect } });
    const wanted = [];
    for (let i = 60; i < 120; i++)
      if (i % 3 === 2 && i % 4 === 2) wanted.push(fusion.items.partNumber(i));
    const answer = await tenon.rest.sync("fusion", "sync_items", { filters });
    assert.deepEqual(
      [answer.status, answer.recordsCreated],
      ["SUCCESS", wanted.length],
      `${JSON.stringify(answer)} ${fusion.pages[0]?.search}`,
    );
    const parts = (await tenon.rest.allItems()).map((item) => item.partNumber);
    assert.deepEqual(parts.sort(), wanted);
    if (dialect === "reference") {
      const { query } = fusion.pages[0];
      assert.deepEqual([query.organizationCode, query.itemClass], ["M2", "Manufactured"]);
      assert.match(query.finder, /^findByLastUpdateDate;LastUpdateDate>=2024-10-01T01:00:00/);
    }
    await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/integrations/fusion/sync", {
      operation: "sync_items",
      filters: { itemClass: "manufactured" },
    });
    const { details } = await tenon.rest.refused(
      422,
      "VALIDATION_ERROR",
      "POST",
      "/integrations/fusion/sync",
      { operation: "sync_items", filters: { plant: "M1" } },
    );
    assert.equal(details.field, "filters.plant");
  });
}
