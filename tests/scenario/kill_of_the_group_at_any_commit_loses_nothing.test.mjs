// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// No gate here: the blow falls wherever the work happens to be a few pages on, again and again on one run.
story("a run that is killed many times still brings every item once", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 3000, config: { batchSize: 50 } });
  const runId = await tenon.rest.startSync("fusion");
  const starts = [];
  for (let blow = 0; blow < 4; blow++) {
    const goal = fusion.pages.length + 1 + blow * 3;
    await waitFor("some pages", () => fusion.pages.length >= goal, { every: 1 });
    await tenon.killGroup();
    starts.push(fusion.pages.length);
    await tenon.start();
  }
  const run = await waitFor(
    "the end of the run",
    async () => {
      const row = await tenon.rest.run("fusion", runId);
      return row.status !== "RUNNING" && row;
    },
    { within: 40_000, every: 100 },
  );
  assert.equal(run.status, "SUCCESS", JSON.stringify(run.errors));
  assert.deepEqual([run.recordCount, run.createdCount], [3000, 3000]);
  const parts = new Set((await tenon.rest.allItems()).map((item) => item.partNumber));
  assert.equal(parts.size, 3000);
  assert.equal(await tenon.rest.itemCount(), 3000);
  const began = starts.map((n) => +(fusion.pages[n].query.offset ?? 0));
  assert.deepEqual(
    began,
    [...began].sort((a, b) => a - b),
    "no start goes back behind what was stored",
  );
});
