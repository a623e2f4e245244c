// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile, mixed, synced } from "../harness/mapping.mjs";
import { digest } from "../harness/shapes.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// What all workers have found, once they have tried so many records.
const found = (tenon, records) =>
  waitFor(`${records} records in the shadow`, async () => {
    const shadow = await tenon.rest.get("/scripts/shadow");
    return (shadow.mappings[0]?.records ?? 0) >= records ? shadow : null;
  });

story("the scripts before go on beside the new ones, which alone write", async (stage) => {
  const { site, tenon } = await synced(stage);
  await tenon.rest.refused(404, "NOT_FOUND", "GET", "/scripts/shadow");
  site.write(mappingFile, mixed);
  const told = await tenon.command(["reload", "--shadow", "30"]);
  assert.equal(told.code, 0, told.output);
  assert.match(told.stdout, /compared until "2/);

  assert.equal((await tenon.rest.sync("fusion")).status, "PARTIAL");
  assert.equal((await tenon.rest.item("PN-000003")).partName, "another", "the new one writes");
  const shadow = await found(tenon, 60);
  assert.equal(shadow.state, "running");
  assert.match(shadow.generation, digest);
  assert.match(shadow.previous, digest);
  const [m] = shadow.mappings;
  assert.deepEqual(
    [m.mapping, m.records, m.same, m.changed, m.newlyFailing, m.newlyFixed],
    ["oracle_fusion/item", 60, 58, 1, 1, 0],
  );
  assert.equal(m.fields[0].field, "partName");
  assert.deepEqual([m.fields[0].examples[0].id, m.fields[0].examples[0].new], ["PN-000003", '"another"']);
  assert.match(m.failures[0].message, /cannot/);

  const shown = await tenon.command(["shadow"]);
  assert.match(shown.stdout, /60 records: 58 same, 1 changed, 1 newly failing/);
  assert.match(shown.stdout, /PN-000003/);

  // Who takes the place of a dead worker goes on counting.
  for (const worker of tenon.children("worker")) await tenon.replace(worker);
  await tenon.ready();
  await tenon.rest.sync("fusion");
  assert.equal((await found(tenon, 120)).mappings[0].changed, 2);

  assert.equal((await tenon.command(["shadow", "--end"])).code, 0);
  await tenon.rest.sync("fusion");
  const ended = await tenon.rest.get("/scripts/shadow");
  assert.deepEqual([ended.state, ended.mappings[0].records], ["ended", 120]);
  await tenon.rest.refused(404, "NOT_FOUND", "DELETE", "/scripts/shadow");
});

story("a shadow ends with the next change, and survives a restart until then", async (stage) => {
  const { site, tenon } = await synced(stage);
  site.write(mappingFile, mixed);
  const { shadowUntil } = await tenon.rest.want(200, "POST", "/scripts/reload", { shadowMinutes: 5 });
  const minutes = (Date.parse(shadowUntil) - Date.now()) / 60_000;
  assert.ok(minutes > 4 && minutes <= 5, `${minutes} minutes`);
  await tenon.stop();
  await tenon.start();
  await tenon.rest.sync("fusion");
  assert.equal((await found(tenon, 60)).state, "running");
  site.write(mappingFile, mapping());
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.equal((await tenon.rest.get("/scripts/shadow")).state, "ended");
});

story("a wrong length of a shadow is named, and nothing is activated", async (stage) => {
  const { site, tenon } = await synced(stage);
  site.write(mappingFile, mixed);
  for (const shadowMinutes of [0, -1, 10081, 1.5, "5", null, [5]]) {
    const error = await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/scripts/reload", {
      shadowMinutes,
    });
    assert.equal(error.details.field, "shadowMinutes", JSON.stringify(shadowMinutes));
  }
  await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/scripts/reload", { shade: 1 });
  assert.equal((await tenon.command(["reload", "--shadow", "soon"])).code, 1);
  const { generations } = await tenon.rest.get("/scripts/oracle_fusion/generations");
  assert.equal(generations.length, 1);
});

story("the log says nothing of the records that a shadow found", async (stage) => {
  const { site, tenon, fusion } = await synced(stage);
  fusion.items.edit(2, { ItemDescription: '"a very private name"' });
  site.write(mappingFile, mixed);
  await tenon.rest.want(200, "POST", "/scripts/reload", { shadowMinutes: 5 });
  await tenon.rest.sync("fusion");
  const shadow = await found(tenon, 60);
  assert.equal(shadow.mappings[0].fields[0].examples[0].old, '"a very private name"');
  await tenon.command(["shadow", "--end"]);
  await waitFor("the summary", () => /shadow of [0-9a-f]{12} beside/.test(tenon.output));
  assert.ok(!tenon.output.includes("a very private name"));
});

story("a shadow that is not there is not ended, and one of nothing is not started", async (stage) => {
  const { tenon } = await synced(stage);
  const ended = await tenon.command(["shadow", "--end"]);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /no shadow is running/);
  const told = await tenon.command(["reload", "--shadow", "5"]);
  assert.equal(told.code, 0, told.output);
  assert.match(told.stdout, /nothing changed, .*no shadow was started/);
  const answer = await tenon.rest.want(200, "POST", "/scripts/reload", { shadowMinutes: 5 });
  assert.equal(answer.shadowUntil, null);
  await tenon.rest.refused(404, "NOT_FOUND", "GET", "/scripts/shadow");
});
