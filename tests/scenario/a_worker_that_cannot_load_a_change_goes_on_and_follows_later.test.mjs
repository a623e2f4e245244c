// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { Rest } from "../harness/rest.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// The generation of the unit that each of the two workers serves.
async function serving(tenon) {
  const found = {};
  while (Object.keys(found).length < 2) {
    tenon.rest.agent.destroy(); // any worker
    const { worker, isolates } = await tenon.rest.get("/scripts/isolates");
    found[worker] = isolates.find((i) => i.unit === "oracle_fusion").generation;
  }
  return new Set(Object.values(found));
}

story("a worker that cannot load a change serves what it had, says so and follows later", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping());
  const env = { TENON_FAULTS: "generations.follow=fail:1" };
  const { tenon } = await stage.plant({ items: 12, site, workers: 2, env });
  const before = await serving(tenon);
  assert.equal(before.size, 1);
  site.write(mappingFile, mapping({ partName: 'map.const "new"' }));
  const other = new Rest(tenon.port, tenon.key); // waits for both
  stage.defer(() => other.close());
  const reload = other.want(200, "POST", "/scripts/reload");
  await tenon.logged(/error .*scripts that another worker activated do not load here/);
  assert.equal((await serving(tenon)).size, 2, "one has the new ones, the other goes on");
  for (let i = 0; i < 6; i++) assert.equal((await tenon.rest.sync("fusion")).status, "SUCCESS");
  await waitFor("both with the new ones", async () => (await serving(tenon)).size === 1, { within: 20_000 });
  assert.notDeepEqual(await serving(tenon), before);
  assert.equal((await reload).changed.length, 1);
  assert.equal(tenon.output.match(/do not load here/g).length, 1);
});
