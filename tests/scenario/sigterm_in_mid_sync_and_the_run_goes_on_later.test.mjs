// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

story(
  "SIGTERM while the upstream is silent ends in time, and the next start goes on with the run",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 200, config: { batchSize: 50 } });
    const gate = fusion.hold("items", { offset: 100 });
    const runId = await tenon.rest.startSync("fusion");
    await gate.reached;
    await tenon.stop({ timeout: 12_000 });
    gate.open();
    fusion.forget();
    await tenon.start();
    const run = await waitFor("the end of the run", async () => {
      const row = await tenon.rest.run("fusion", runId);
      return row.status !== "RUNNING" && row;
    });
    assert.deepEqual([run.status, run.recordCount, run.createdCount], ["SUCCESS", 200, 200]);
    assert.ok(
      +fusion.pages[0].query.offset >= 50,
      "the pages that were stored are not fetched again",
    );
    assert.equal(await tenon.rest.itemCount(), 200);
  },
);
