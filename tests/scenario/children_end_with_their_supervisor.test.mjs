// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { processes } from "../harness/process.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

story(
  "when the supervisor dies its children end, and the data folder is free again",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 200, config: { batchSize: 50 } });
    const gate = fusion.hold("items", { offset: 100 });
    const runId = await tenon.rest.startSync("fusion");
    await gate.reached;
    const children = tenon.children().map((p) => p.pid);
    assert.equal(children.length, 3);
    process.kill(tenon.pid, "SIGKILL");
    await waitFor(
      "the end of the children",
      () => !processes().some((p) => children.includes(p.pid)),
    );

    gate.open();
    await tenon.killGroup();
    await tenon.start();
    const run = await waitFor("the end of the run", async () => {
      const row = await tenon.rest.run("fusion", runId);
      return row.status !== "RUNNING" && row;
    });
    assert.deepEqual([run.status, run.recordCount], ["SUCCESS", 200]);
  },
);
