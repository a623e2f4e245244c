// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Load } from "../harness/load.mjs";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

// Each of these overruns its budget; what they hold up must be bounded by that budget, not by them.
const hogs = {
  "an endless loop": "while true do end",
  "a pattern that backtracks": 'return (("a"):rep(40000)):match((".-"):rep(30) .. "b")',
  "a table flood": "local t = {} while true do t[#t + 1] = {} end",
  "a huge text": 'local s = "x" while true do s = s .. s end',
};

story("while a hog runs on the only worker, requests wait for its budget and no longer", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping());
  const { tenon } = await stage.plant({ items: 40, site, workers: 1 });
  await tenon.rest.sync("fusion");
  for (const [what, code] of Object.entries(hogs)) {
    site.write(mappingFile, mapping({ partName: `function() ${code} end` }));
    await tenon.rest.want(200, "POST", "/scripts/reload");
    const load = new Load(tenon.port, {
      key: tenon.key,
      connections: 4,
      rate: 100,
      next: () => ({ method: "GET", path: "/api/v1/items?limit=1" }),
    });
    stage.defer(() => load.stop());
    await load.more(10);
    const answer = await tenon.rest.send("POST", "/integrations/fusion/sync", {
      operation: "sync_items",
    });
    assert.notEqual(answer.body.status, "SUCCESS", `${what}: ${answer.text}`);
    await load.more(100);
    const sum = await load.stop();
    stage.note(`${what}: p50 ${sum.p50.toFixed(1)} ms, p99 ${sum.p99.toFixed(1)} ms, slowest ${sum.max.toFixed(1)} ms`);
    assert.deepEqual([sum.cut, sum.unanswered, sum.refused], [0, 0, 0], JSON.stringify(sum));
    assert.deepEqual(Object.keys(sum.statuses), ["200"]);
    const { quarantine } = await tenon.rest.get("/status");
    assert.deepEqual(quarantine, ["integrations:fusion"], what);
  }
  assert.equal(tenon.children("worker").length, 1);
});
