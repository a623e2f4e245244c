// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { faults } from "../fakes/fusion.mjs";
import { story } from "../harness/story.mjs";

story("an upstream that falls silent ends the run with ERR_NETWORK_TIMEOUT", async (stage) => {
  const { fusion, tenon } = await stage.plant({
    items: 30,
    config: { batchSize: 10, timeout: 1000, retryAttempts: 1 },
  });
  fusion.fault("items", faults.stall(), { offset: 10, times: Infinity });
  const answer = await tenon.rest.sync("fusion");
  assert.equal(answer.success, false);
  assert.equal(answer.errors.at(-1).code, "ERR_NETWORK_TIMEOUT");
  assert.equal(fusion.pages.filter((p) => p.query.offset === "10").length, 2);
  assert.equal(await tenon.rest.itemCount(), 10);
});
