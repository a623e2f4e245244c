// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

story("with --watch a saved mapping is live without a word to the server", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping());
  const { tenon } = await stage.plant({ items: 20, site, watch: true });
  await tenon.rest.sync("fusion");
  const shows = (name) =>
    waitFor(
      `the name ${name}`,
      async () => {
        await tenon.rest.sync("fusion");
        return (await tenon.rest.item("PN-000001")).partName === name;
      },
      { every: 100 },
    );

  site.edit(mappingFile, ":text(),\n    partType", ":text() :upper(),\n    partType");
  await shows("BRACKET 000001");

  // A broken file is told in the log and the old one goes on.
  site.write(mappingFile, mapping({ partName: 'from "ItemDescription" :shout()' }));
  const line = site.lineOf(mappingFile, "shout");
  await tenon.logged(new RegExp(`reload refused: ${mappingFile}:${line}: .*shout`));
  assert.equal((await tenon.rest.sync("fusion")).recordsUnchanged, 20);

  // Written in place in two halves, as some editors and copies do.
  const text = mapping({ partName: 'map.const "halved"' });
  writeFileSync(join(site.path, mappingFile), text.slice(0, 150));
  appendFileSync(join(site.path, mappingFile), text.slice(150));
  await shows("halved");
});

story("with --watch a file that was saved while the worker was being replaced is live, too", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping());
  const { tenon } = await stage.plant({ items: 20, site, watch: true, workers: 1 });
  await tenon.rest.sync("fusion");
  const [worker] = tenon.children("worker");
  process.kill(worker.pid, "SIGKILL");
  site.write(mappingFile, mapping({ partName: 'map.const "meanwhile"' })); // nobody watches
  await waitFor("another worker", () => tenon.children("worker").some((p) => p.pid !== worker.pid));
  tenon.rest.agent.destroy();
  await tenon.ready();
  await waitFor("the name meanwhile", async () => {
    await tenon.rest.sync("fusion");
    return (await tenon.rest.item("PN-000001")).partName === "meanwhile";
  });
});
