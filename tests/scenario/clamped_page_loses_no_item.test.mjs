// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

story("a server that gives smaller pages than asked for loses no item", async (stage) => {
  const { fusion, tenon } = await stage.plant({
    items: 100,
    fusion: { maxPage: 30 },
    config: { batchSize: 80 },
  });
  const answer = await tenon.rest.sync("fusion");
  assert.deepEqual([answer.status, answer.recordsCreated], ["SUCCESS", 100]);
  assert.deepEqual(
    fusion.pages.map((p) => +(p.query.offset ?? 0)),
    [0, 30, 60, 90],
  );
});
