// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { pause, waitFor } from "../harness/wait.mjs";

// No gate here: the blow falls wherever the work happens to be, again and again on one run.
story("a run that is killed many times still brings every item once", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 3000, config: { batchSize: 50 } });
  const runId = await tenon.rest.startSync("fusion");
  const starts = [];
  for (let blow = 0; blow < 4; blow++) {
    await pause(30 + blow * 40);
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
  const began = starts
    .map((n) => fusion.pages[n])
    .filter(Boolean)
    .map((page) => +(page.query.offset ?? 0));
  assert.deepEqual(
    began,
    [...began].sort((a, b) => a - b),
    "no start goes back behind what was stored",
  );
});
