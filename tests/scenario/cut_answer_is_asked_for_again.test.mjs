// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { faults } from "../fakes/fusion.mjs";
import { story } from "../harness/story.mjs";

story(
  "a cut answer is asked for again; one that stays cut fails the run and keeps what was stored",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({
      items: 60,
      config: { batchSize: 20, retryAttempts: 2 },
    });
    fusion.fault("items", faults.cut(), { offset: 20 });
    fusion.fault("items", faults.reset(), { offset: 40 });
    const first = await tenon.rest.sync("fusion");
    assert.deepEqual(
      [first.status, first.recordsCreated],
      ["SUCCESS", 60],
      JSON.stringify(first.errors),
    );

    fusion.items.count = 80;
    fusion.forget();
    fusion.fault("items", faults.cut(), { offset: 60, times: Infinity });
    const second = await tenon.rest.sync("fusion");
    assert.equal(second.success, false);
    assert.match(second.errors.at(-1).code, /^ERR_(NETWORK|INVALID_RESPONSE|NETWORK_TIMEOUT)$/);
    assert.equal(
      fusion.pages.filter((p) => p.query.offset === "60").length,
      3,
      "once and two retries",
    );
    assert.equal(await tenon.rest.itemCount(), 60);
  },
);
