// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Load } from "../harness/load.mjs";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

// Each gets there within its time, also where a sanitizer makes it slow.
const hogs = {
  tables: "local big, t = ('x'):rep(1 << 20), {} while true do t[#t + 1] = { big .. #t } end",
  "one string": "local s = ('x'):rep(1 << 20) while true do s = s:rep(9) end",
  recursion: "local function f(...) return 1 + f(1, ...) end f(table.unpack({}, 1, 200))",
};

// The machine decides which of its two limits a recursion meets first: the stack's or that of time.
// Where memory is slow to fill, these meet the limit of time first.
const ends = {
  recursion: /stack overflow|more than 50 ms of CPU time/,
  tables: /memory limit|more than 50 ms of CPU time/,
};

for (const [what, hog] of Object.entries(hogs)) {
  story(
    `a mapping function that eats memory (${what}) fails its record alone while GETs go on`,
    async (stage) => {
      const site = stage.site();
      site.write(
        mappingFile,
        mapping({
          partName: `function(src)
      if src.ItemNumber == "PN-000003" then ${hog} end
      return src.ItemDescription
    end`,
        }),
      );
      const { tenon } = await stage.plant({ items: 10, site });
      const workers = tenon.children("worker").map((p) => p.pid);
      const load = new Load(tenon.port, {
        key: tenon.key,
        connections: 8,
        rate: 200,
        next: () => ({ method: "GET", path: "/api/v1/items?limit=1" }),
      });
      stage.defer(() => load.stop());
      const answer = await tenon.rest.sync("fusion");
      assert.deepEqual(
        [answer.status, answer.recordsCreated, answer.recordsFailed],
        ["PARTIAL", 9, 1],
        JSON.stringify(answer),
      );
      assert.deepEqual(
        [answer.errors[0].code, answer.errors[0].field],
        ["ERR_DATA_MAPPING", "partName"],
      );
      assert.match(answer.errors[0].message, ends[what] ?? /memory limit/);
      await load.more(20);
      const sum = await load.stop();
      assert.deepEqual([sum.cut, sum.unanswered, sum.refused], [0, 0, 0], JSON.stringify(sum));
      assert.deepEqual(
        tenon.children("worker").map((p) => p.pid),
        workers,
        "no worker was lost over it",
      );
    },
  );
}
