// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// Whichever worker has the run: both are killed in turn while a page is on its way.
story("kill -9 of the worker that runs a sync: another one goes on and ends it", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 400, config: { batchSize: 50 }, workers: 2 });
  const gate = fusion.hold("items", { offset: 200 });
  const runId = await tenon.rest.startSync("fusion");
  await gate.reached;
  for (const { pid } of tenon.children("worker")) {
    process.kill(pid, "SIGKILL");
    await waitFor("another worker in its place", () => {
      const pids = tenon.children("worker").map((p) => p.pid);
      return pids.length === 2 && !pids.includes(pid);
    });
  }
  gate.open();
  const run = await waitFor(
    "the end of the run",
    async () => {
      const row = await tenon.rest.run("fusion", runId);
      return row.status !== "RUNNING" && row;
    },
    { within: 30_000 },
  );
  assert.equal(run.status, "SUCCESS", JSON.stringify(run.errors));
  assert.deepEqual([run.recordCount, run.createdCount, run.errorCount], [400, 400, 0]);
  assert.ok(run.attempt >= 2, `attempt ${run.attempt}`);
  const parts = (await tenon.rest.allItems()).map((item) => item.partNumber);
  assert.equal(new Set(parts).size, 400, "every item is there exactly once");
});
