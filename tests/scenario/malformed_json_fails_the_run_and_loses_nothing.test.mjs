// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { faults } from "../fakes/fusion.mjs";
import { story } from "../harness/story.mjs";

story(
  "malformed JSON and JSON of another shape fail the run; what was stored before stays",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({
      items: 30,
      config: { batchSize: 10, retryAttempts: 1 },
    });
    for (const fault of [faults.malformed(), faults.otherShape()]) {
      fusion.fault("items", fault, { offset: 10, times: Infinity });
      const answer = await tenon.rest.sync("fusion");
      assert.equal(answer.success, false);
      assert.equal(answer.errors.at(-1).code, "ERR_INVALID_RESPONSE");
      assert.equal(await tenon.rest.itemCount(), 10, "the page before is stored");
      fusion.heal();
    }
    const answer = await tenon.rest.sync("fusion");
    assert.deepEqual(
      [answer.status, answer.recordsCreated + answer.recordsUnchanged],
      ["SUCCESS", 30],
    );
    assert.equal(await tenon.rest.itemCount(), 30);
  },
);
