// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

story("an item without its key fails alone: the run is PARTIAL and says where", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping());
  const { fusion, tenon } = await stage.plant({ items: 50, site, config: { batchSize: 20 } });
  fusion.items.edit(25, { ItemNumber: undefined });
  const answer = await tenon.rest.sync("fusion");
  assert.deepEqual(
    [answer.status, answer.recordsProcessed, answer.recordsCreated, answer.recordsFailed],
    ["PARTIAL", 50, 49, 1],
  );
  const [error] = answer.errors;
  assert.equal(answer.errors.length, 1);
  assert.deepEqual(
    [error.code, error.field, error.sourcePath, error.file, error.line],
    [
      "ERR_DATA_MAPPING",
      "partNumber",
      "ItemNumber",
      mappingFile,
      site.lineOf(mappingFile, "partNumber ="),
    ],
  );

  const detail = await tenon.rest.run("fusion", answer.runId);
  assert.deepEqual([detail.status, detail.errorCount, detail.successCount], ["PARTIAL", 1, 49]);
  assert.deepEqual(detail.errors, answer.errors);

  fusion.items.edit(25, { ItemNumber: '"PN-000026"' });
  const healed = await tenon.rest.sync("fusion");
  assert.deepEqual(
    [healed.status, healed.recordsCreated, healed.recordsUnchanged],
    ["SUCCESS", 1, 49],
  );
});

story(
  "a run in which every item fails is a FAILURE and lists at most 100 errors",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 150 });
    for (let i = 0; i < 150; i++) fusion.items.edit(i, { ItemNumber: undefined });
    const answer = await tenon.rest.sync("fusion");
    assert.deepEqual(
      [answer.success, answer.status, answer.recordsFailed, answer.errors.length],
      [false, "FAILURE", 150, 100],
    );
  },
);
