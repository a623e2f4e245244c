// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Load } from "../harness/load.mjs";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

const loops = {
  "a plain loop": "while true do end",
  "a loop that catches its own end": "while true do pcall(function() while true do end end) end",
};

for (const [what, loop] of Object.entries(loops)) {
  story(`${what} in a mapping function fails its record alone while GETs go on`, async (stage) => {
    const site = stage.site();
    site.write(
      mappingFile,
      mapping({
        partName: `function(src)
      if src.ItemNumber == "PN-000007" then ${loop} end
      return src.ItemDescription
    end`,
      }),
    );
    const { tenon } = await stage.plant({ items: 20, site });
    const load = new Load(tenon.port, {
      key: tenon.key,
      connections: 8,
      rate: 200,
      next: () => ({ method: "GET", path: "/api/v1/items?limit=1" }),
    });
    stage.defer(() => load.stop());
    await load.more(20);

    const answer = await tenon.rest.sync("fusion");
    assert.deepEqual(
      [answer.status, answer.recordsCreated, answer.recordsFailed],
      ["PARTIAL", 19, 1],
      JSON.stringify(answer),
    );
    const [error] = answer.errors;
    assert.deepEqual(
      [error.code, error.field, error.file],
      ["ERR_DATA_MAPPING", "partName", mappingFile],
    );
    assert.equal(error.line, site.lineOf(mappingFile, loop), JSON.stringify(error));
    assert.match(error.message, /ran for more than \d+ ms of CPU time/);

    await load.more(50);
    const sum = await load.stop();
    stage.note(JSON.stringify(sum));
    assert.deepEqual([sum.cut, sum.unanswered, sum.refused], [0, 0, 0], JSON.stringify(sum));
    assert.deepEqual(Object.keys(sum.statuses), ["200"]);
    assert.equal(tenon.children("worker").length, 2);
  });
}
