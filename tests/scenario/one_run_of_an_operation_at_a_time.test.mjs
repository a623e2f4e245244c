// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

story(
  "while a run is under way a second one is refused with its id, and its progress can be seen",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 60, config: { batchSize: 20 } });
    const gate = fusion.hold("items", { offset: 40 });
    const runId = await tenon.rest.startSync("fusion");
    await gate.reached;
    for (let i = 0; i < 4; i++) {
      const error = await tenon.rest.refused(
        409,
        "CONFLICT",
        "POST",
        "/integrations/fusion/sync",
        { operation: "sync_items" },
        { connection: "close" },
      );
      assert.equal(error.details.runId, runId);
    }
    const row = await waitFor("progress", async () => {
      const now = await tenon.rest.run("fusion", runId);
      return now.progress.done >= 20 && now;
    });
    assert.equal(row.status, "RUNNING");
    gate.open();
    const end = await waitFor("the end", async () => {
      const now = await tenon.rest.run("fusion", runId);
      return now.status !== "RUNNING" && now;
    });
    assert.deepEqual([end.status, end.recordCount], ["SUCCESS", 60]);
    assert.equal((await tenon.rest.sync("fusion")).recordsUnchanged, 60);
  },
);

story("many who ask at once get one run", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 40, config: { batchSize: 20 } });
  const gate = fusion.hold("items", { offset: 20 });
  const answers = [];
  const asking = Array.from({ length: 12 }, async () => {
    answers.push(
      await tenon.rest.send("POST", "/integrations/fusion/sync", {
        operation: "sync_items",
        wait: false,
      }),
    );
  });
  await gate.reached;
  await Promise.all(asking);
  gate.open();
  assert.deepEqual(answers.map((a) => a.status).sort(), [202, ...Array(11).fill(409)]);
  await waitFor(
    "the end",
    async () => (await tenon.rest.get("/integrations/fusion/logs")).logs[0].status === "SUCCESS",
  );
  assert.equal(fusion.pages.length, 2);
});
