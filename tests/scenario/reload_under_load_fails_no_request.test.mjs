// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Load } from "../harness/load.mjs";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

const name = (n) => mapping({ partName: `map.const "version ${n}"` });

story(
  "1,000 GETs a second during 20 reloads: no request fails",
  async (stage) => {
    const site = stage.site();
    site.write(mappingFile, name(0));
    const { tenon } = await stage.plant({ items: 100, site });
    await tenon.rest.sync("fusion");
    const ids = (await tenon.rest.allItems()).map((item) => item.id);
    const load = new Load(tenon.port, {
      key: tenon.key,
      connections: 16,
      rate: 1000,
      next: (i) => ({ method: "GET", path: `/api/v1/items/${ids[i % ids.length]}` }),
    });
    stage.defer(() => load.stop());

    for (let n = 1; n <= 20; n++) {
      await load.more(100);
      site.write(mappingFile, n % 5 ? name(n) : "return map {");
      const answer = await tenon.rest.send("POST", "/scripts/reload");
      assert.equal(answer.status, n % 5 ? 200 : 422, answer.text);
    }
    const sum = await load.stop();
    stage.note(JSON.stringify(sum));
    assert.deepEqual([sum.cut, sum.unanswered, sum.refused], [0, 0, 0], JSON.stringify(sum));
    assert.deepEqual(Object.keys(sum.statuses), ["200"]);

    site.write(mappingFile, name(21));
    await tenon.rest.want(200, "POST", "/scripts/reload");
    assert.equal((await tenon.rest.sync("fusion")).recordsUpdated, 100);
    assert.equal((await tenon.rest.item("PN-000001")).partName, "version 21");
  },
  { timeout: 90_000 },
);
