// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { integration, story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// It reads its record for some milliseconds: longer than a slice, and no overrun.
const busy = `function(src)
      local n = 0
      for i = 1, 2000 do
        for k in pairs(src) do n = n + #k end
        n = n + #src.ItemNumber
      end
      return "part " .. n
    end`;

story("a run that ends while a function of its mapping computes stops that before the page goes", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping({ partName: busy }));
  const { fusion, tenon } = await stage.plant({ items: 1000, site, workers: 1 });
  for (let round = 0; round < 5; round++) {
    const name = `plant_${round}`;
    await tenon.rest.create({ ...integration(fusion), name, displayName: name });
    await tenon.rest.startSync(name);
    await waitFor("the function to be at work", async () => {
      const { isolates } = await tenon.rest.get("/scripts/isolates");
      return isolates.some((i) => i.isolate === `integrations:${name}` && i.besideLoop >= 1);
    });
    await tenon.rest.want(204, "DELETE", `/integrations/${name}`);
    await tenon.logged(/sync_items.*cancelled/i, round + 1);
  }
  assert.equal(await tenon.restarts(), 0);
});
