// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile, synced } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const named = (text) => mapping({ partName: `map.const "${text}"` });
const generation = async ({ rest }) =>
  (await rest.get("/scripts")).units.find((u) => u.unit === "oracle_fusion").generation;
const hangUp = (tenon) => process.kill(tenon.pid, "SIGHUP");

async function reloads(tenon) {
  const { text } = await tenon.rest.send("GET", "//metrics");
  const value = (name) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)[1]);
  return { taken: value("tenon_reloads_total"), refused: value("tenon_reload_failures_total") };
}

async function servesName(tenon) {
  await tenon.rest.sync("fusion");
  return (await tenon.rest.item("PN-000002")).partName;
}

story("SIGHUP loads what is in the site folder", async (stage) => {
  const { site, tenon } = await synced(stage, { items: 5 });
  const before = { generation: await generation(tenon), ...(await reloads(tenon)) };
  site.write(mappingFile, named("by a signal"));
  hangUp(tenon);
  await waitFor("another generation", async () => (await generation(tenon)) !== before.generation);
  assert.equal(await servesName(tenon), "by a signal");
  const { taken, refused } = await reloads(tenon);
  assert.ok(taken > before.taken, "it is counted");
  assert.equal(refused, 0);
  const { generations } = await tenon.rest.get("/scripts/oracle_fusion/generations");
  assert.deepEqual(generations.map((g) => g.actor), ["SIGHUP", "start"]);
});

story("a broken file is refused at SIGHUP with its line, counted, and the old one serves", async (stage) => {
  const { site, tenon } = await synced(stage, { items: 5, workers: 1 });
  const plain = await servesName(tenon);
  const broken = named("x").replace("partType = from", "partType == from");
  const line = broken.split("\n").findIndex((l) => l.includes("==")) + 1;
  site.write(mappingFile, broken);
  const before = await reloads(tenon);
  assert.equal(before.refused, 0);
  hangUp(tenon);
  await tenon.logged(new RegExp(`reload refused: ${mappingFile}:${line}: `));
  assert.deepEqual(await reloads(tenon), { ...before, refused: 1 });
  assert.equal(await servesName(tenon), plain);

  site.write(mappingFile, named("mended"));
  hangUp(tenon);
  await tenon.logged(/unit oracle_fusion is now generation/, 2); // the first is the start's
  assert.equal(await servesName(tenon), "mended");
});
