// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// Kills everything while page `at` is on its way, starts again, and waits for the run to end.
async function killedAt(stage, at) {
  const { fusion, tenon } = await stage.plant({ items: 400, config: { batchSize: 50 } });
  const gate = fusion.hold("items", { offset: at * 50 });
  const runId = await tenon.rest.startSync("fusion");
  await gate.reached;
  if (at >= 2) {
    await waitFor("a stored page", async () => (await tenon.rest.itemCount()) >= (at - 1) * 50);
  }
  await tenon.killGroup();
  fusion.forget();
  gate.open();

  await tenon.start();
  const stored = await tenon.rest.itemCount();
  const run = await waitFor(
    "the end of the run",
    async () => {
      const row = await tenon.rest.run("fusion", runId);
      return row.status !== "RUNNING" && row;
    },
    { within: 30_000 },
  );
  assert.equal(run.status, "SUCCESS", JSON.stringify(run.errors));
  assert.deepEqual(
    [run.recordCount, run.createdCount, run.errorCount],
    [400, 400, 0],
    "the counts are of the whole run, each item once",
  );
  assert.ok(run.attempt >= 2, `attempt ${run.attempt}`);

  const parts = (await tenon.rest.allItems()).map((item) => item.partNumber);
  assert.equal(parts.length, 400);
  assert.equal(new Set(parts).size, 400, "every item is there exactly once");
  if (at >= 2) {
    assert.ok(stored >= (at - 1) * 50);
    assert.ok(+(fusion.pages[0].query.offset ?? 0) >= (at - 1) * 50, "it went on, not over again");
  }
  assert.equal((await tenon.rest.get("/integrations/fusion/logs")).total, 1, "it is still one run");
}

story("kill -9 of all processes on the first page of a sync", (stage) => killedAt(stage, 0));
story("kill -9 of all processes in the middle of a sync", (stage) => killedAt(stage, 4));
