// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { faults } from "../fakes/fusion.mjs";
import { story } from "../harness/story.mjs";

story(
  "429 with Retry-After, in seconds or as a date, delays the run and loses nothing",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 90, config: { batchSize: 30 } });
    fusion.fault("items", faults.tooMany(1), { offset: 30 });
    fusion.fault(
      "items",
      (response, plain, entry) =>
        faults.tooMany(new Date(Date.now() + 1500))(response, plain, entry),
      { offset: 60 },
    );

    const answer = await tenon.rest.sync("fusion");
    assert.deepEqual(
      [answer.status, answer.recordsCreated],
      ["SUCCESS", 90],
      JSON.stringify(answer.errors),
    );
    const { pages } = fusion;
    assert.deepEqual(
      pages.map((p) => p.status),
      [200, 429, 200, 429, 200],
    );
    // Without a word from the upstream another try would come after 20 ms; a date has whole seconds.
    const waits = [pages[2].at - pages[1].at, pages[4].at - pages[3].at];
    assert.ok(waits[0] >= 1000 && waits[1] >= 450, `Retry-After was kept: ${waits} ms`);
  },
);
