// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

story(
  "a token that ends in mid-run is renewed once and the page asked for again",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 100, config: { batchSize: 20 } });
    const gate = fusion.hold("items", { offset: 40 });
    const running = tenon.rest.sync("fusion");
    await gate.reached;
    fusion.expireTokens();
    gate.open();
    const answer = await running;
    assert.deepEqual(
      [answer.status, answer.recordsCreated],
      ["SUCCESS", 100],
      JSON.stringify(answer.errors),
    );
    assert.equal(fusion.tokenCalls, 2);
    assert.equal(fusion.pages.filter((p) => p.status === 401).length, 1);

    fusion.forget();
    await tenon.rest.sync("fusion");
    assert.equal(fusion.tokenCalls, 0, "a token serves as long as it is good, over runs");
  },
);

story("a token serves every worker and outlives a restart", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 10, workers: 2 });
  const runs = await tenon.eachWorker(() => tenon.rest.sync("fusion"));
  assert.deepEqual(runs.map((run) => run.status), ["SUCCESS", "SUCCESS"]);
  assert.equal(fusion.tokenCalls, 1);
  await tenon.stop();
  await tenon.start();
  await tenon.rest.sync("fusion");
  assert.equal(fusion.tokenCalls, 1);
});
