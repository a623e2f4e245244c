// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exact } from "../harness/exact.mjs";
import { exactly, mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

story("the first sync brings every item: ids, decimals and text byte for byte", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping({ more: exactly }));
  const { fusion, tenon } = await stage.plant({ items: 250, site, config: { batchSize: 100 } });

  const answer = await tenon.rest.sync("fusion");
  assert.deepEqual(
    [answer.success, answer.status, answer.recordsProcessed, answer.recordsCreated],
    [true, "SUCCESS", 250, 250],
    JSON.stringify(answer.errors),
  );

  const items = new Map((await tenon.rest.allItems()).map((item) => [item.partNumber, item]));
  assert.equal(items.size, 250);
  for (let i = 0; i < 250; i++) {
    const sent = exact(fusion.items.text(i));
    const item = items.get(sent.ItemNumber);
    assert.ok(item, `${sent.ItemNumber} is there`);
    assert.equal(item.partName, sent.ItemDescription);
    assert.equal(item.unitOfMeasure, "EA");
    assert.equal(
      item.partType,
      { Root: "ASSEMBLY", Purchased: "COMPONENT", Manufactured: "ASSEMBLY", Model: "MODEL" }[
        sent.ItemClass
      ],
    );
    assert.equal(item.attributes.itemIdText, String(300000047274444 + i));
    assert.equal(item.attributes.itemId, sent.ItemId);
    assert.equal(item.attributes.weight, sent.UnitWeight);
    assert.equal(item.attributes.price, sent.ListPrice);
    assert.deepEqual(item.attributes.attachments, []);
    assert.deepEqual(item.attributes.flexfields, {});
    assert.equal(item.attributes.revision ?? null, sent.Revision);
  }
  assert.deepEqual(
    fusion.pages.map((p) => [p.query.limit, p.query.offset ?? "0"]),
    [
      ["100", "0"],
      ["100", "100"],
      ["100", "200"],
    ],
    "three pages, each asked for once",
  );
  assert.equal(fusion.tokenCalls, 1);
});
