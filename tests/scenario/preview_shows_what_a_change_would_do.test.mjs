// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mapping, mappingFile, mixed, synced } from "../harness/mapping.mjs";
import { filesBelow } from "../harness/scratch.mjs";
import { digest } from "../harness/shapes.mjs";
import { integration, story } from "../harness/story.mjs";
import { root } from "../harness/tenon.mjs";

const preview = (rest, body) => rest.want(200, "POST", "/scripts/preview", body);
story("a preview tells same, changed by field, newly failing and newly fixed", async (stage) => {
  const { site, tenon } = await synced(stage);
  site.write(mappingFile, mixed);
  const answer = await preview(tenon.rest);
  assert.match(answer.generation, digest);
  assert.notEqual(answer.generation, answer.active);
  assert.deepEqual(answer.changed.map((c) => c.unit), ["oracle_fusion"]);
  assert.equal(answer.mappings.length, 1);
  const [m] = answer.mappings;
  assert.deepEqual(
    [m.mapping, m.operation, m.integrationName],
    ["oracle_fusion/item", "sync_items", "fusion"],
  );
  assert.ok(m.records >= 20 && m.records <= 200, `${m.records} records`);
  assert.deepEqual(
    [m.same, m.changed, m.newlyFailing, m.newlyFixed, m.failingBoth, m.leftOut],
    [m.records - 2, 1, 1, 0, 0, 0],
    JSON.stringify(m),
  );
  assert.deepEqual(m.fields.map((f) => [f.field, f.count]), [["partName", 1]]);
  const [example] = m.fields[0].examples;
  assert.deepEqual([example.id, example.new], ["PN-000003", '"another"']);
  assert.equal(m.failures[0].id, "PN-000002");
  assert.match(m.failures[0].message, /cannot/);
  assert.ok(m.new.us > 0 && m.new.peakBytes > 1000);

  // Nothing was activated.
  assert.equal((await tenon.rest.sync("fusion")).recordsUnchanged, 60);

  // The other way round what fails now is newly fixed.
  await tenon.rest.want(200, "POST", "/scripts/activate", { generation: answer.generation });
  const back = await preview(tenon.rest, { files: { [mappingFile]: mapping() } });
  // (Both runs were sampled.)
  assert.deepEqual([back.mappings[0].newlyFixed, back.mappings[0].newlyFailing], [2, 0]);
});

story("files of the request are tried without being written anywhere", async (stage) => {
  const { site, tenon } = await synced(stage);
  const answer = await preview(tenon.rest, {
    files: { [mappingFile]: mapping({ more: 'status = map.const "A",' }) },
  });
  const [m] = answer.mappings;
  assert.equal(m.changed, m.records);
  assert.deepEqual(m.fields.map((f) => [f.field, f.count, f.examples.length]), [["status", m.records, 3]]);
  assert.equal(m.fields[0].examples[0].old, null);
  assert.equal(site.read(mappingFile), mapping());
  const { generations } = await tenon.rest.get("/scripts/oracle_fusion/generations");
  assert.equal(generations.length, 1);
  const nothing = await preview(tenon.rest);
  assert.deepEqual([nothing.changed, nothing.mappings], [[], []]);
});

story("where no samples are kept a preview has nothing to compare, and says so", async (stage) => {
  const { site, tenon } = await synced(stage, { args: ["--evidence-days", "0"] });
  site.write(mappingFile, mixed);
  const answer = await preview(tenon.rest);
  assert.deepEqual(answer.changed.map((c) => c.unit), ["oracle_fusion"]);
  assert.deepEqual(answer.mappings, []);
  assert.match((await tenon.command(["preview"])).output, /no record is kept that these changes touch/);
});

story("a candidate that does not load is refused with file and line", async (stage) => {
  const { tenon } = await synced(stage);
  const text = mapping().replace("partType = from", "partType == from");
  const error = await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/scripts/preview", {
    files: { [mappingFile]: text },
  });
  assert.equal(error.details.file, mappingFile);
  assert.equal(error.details.line, text.split("\n").findIndex((l) => l.includes("==")) + 1);
  for (const body of [{ files: { "../x.lua": "" } }, { files: { [mappingFile]: 7 } }, { file: {} }])
    await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/scripts/preview", body);
});

story("a candidate that never ends is left, and the worker goes on", async (stage) => {
  const { tenon } = await synced(stage);
  const answer = await preview(tenon.rest, {
    files: { [mappingFile]: mapping({ partName: "function() while true do end end" }) },
  });
  const [m] = answer.mappings;
  assert.deepEqual([m.newlyFailing, m.leftOut], [3, m.records - 3], JSON.stringify(m));
  assert.deepEqual((await tenon.rest.get("/status")).quarantine, []);
});

story("what is kept stays within its number and is sealed", async (stage) => {
  const { tenon } = await synced(stage, { items: 3000 });
  for (let i = 0; i < 3; i++) await tenon.rest.sync("fusion");
  const answer = await preview(tenon.rest, {
    files: { [mappingFile]: mapping({ partName: 'map.const "x"' }) },
  });
  const [m] = answer.mappings;
  assert.ok(m.records > 20 && m.records <= 200, `${m.records} records`);
  await tenon.stop();
  // The mapping does not store ItemStatusValue, so only a kept payload could show it.
  for (const { path } of filesBelow(tenon.data))
    assert.ok(!readFileSync(path).includes("ItemStatusValue"), `${path} shows a payload`);
});

story("the command shows a table, and activates only what was looked at", async (stage) => {
  const { site, tenon } = await synced(stage);
  site.write(mappingFile, mixed);
  const shown = await tenon.command(["preview"]);
  assert.equal(shown.code, 0, shown.output);
  assert.match(shown.output, /1 units would change/);
  assert.match(shown.output, /1 changed, 1 newly failing, 0 newly fixed/);
  const times = [...shown.output.matchAll(/(?:old|new): (\S+) ms/g)].map((m) => Number(m[1]));
  assert.ok(times.length === 2 && times.every((ms) => ms > 0), "no time is shown as nothing");
  assert.match(shown.output, /partName +1 changed\n +PN-000003: .* -> "another"/);
  const [, hash] = shown.output.match(/--expect ([0-9a-f]{64})/);

  const folder = stage.site("other");
  folder.write(mappingFile, mapping({ partName: 'map.const "elsewhere"' }));
  const other = await tenon.command(["preview", "--site", folder.path]);
  assert.match(other.output, /partName +\d+ changed/, other.output);

  site.write(mappingFile, mapping({ partName: 'map.const "later"' }));
  const late = await tenon.command(["reload", "--expect", hash]);
  assert.equal(late.code, 1);
  assert.match(late.output, /not the one with the expected hash/);
  site.write(mappingFile, mixed);
  const done = await tenon.command(["reload", "--expect", hash]);
  assert.equal(done.code, 0, done.output);
});

story("with its integration, what was kept of its records goes", async (stage) => {
  const { tenon, fusion } = await synced(stage);
  const change = { files: { [mappingFile]: mapping({ partName: 'map.const "x"' }) } };
  await tenon.rest.create(integration(fusion, { name: "second" }));
  await tenon.rest.sync("second");
  assert.equal((await preview(tenon.rest, change)).mappings.length, 2);
  const gone = await tenon.rest.send("DELETE", "/integrations/fusion");
  assert.equal(gone.status, 204, gone.text);
  assert.equal((await preview(tenon.rest, change)).mappings.length, 1);
});

story("a changed resource is tried too, and a clash of paths is refused", async (stage) => {
  const { site, tenon } = await synced(stage);
  const item = readFileSync(join(root, "scripts/resources/item.lua"), "utf8");
  const narrow = item.replace(/tn\.text "partName" \{/, '$& pattern = "^never$",');
  assert.notEqual(narrow, item);
  const answer = await preview(tenon.rest, { files: { "scripts/resources/item.lua": narrow } });
  const [m] = answer.mappings;
  assert.deepEqual([m.same, m.newlyFailing], [0, m.records], JSON.stringify(m));
  assert.match(m.failures[0].message, /partName/);

  site.write(
    "scripts/resources/thing.lua",
    `local tn = require "tenon"
return tn.resource { path = "/api/v1/integrations", key = { "name" }, fields = { tn.text "name" { required = true } } }
`,
  );
  const error = await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/scripts/preview");
  assert.match(error.message, /api\/v1\/integrations/);
});

story("a preview says of a changed adapter that its functions were not run", async (stage) => {
  const { site, tenon } = await synced(stage);
  assert.deepEqual((await preview(tenon.rest)).adaptersNotRun, []);
  const adapter = readFileSync(join(root, "scripts/adapters/oracle_fusion.lua"), "utf8");
  site.write("scripts/adapters/oracle_fusion.lua", `${adapter}-- changed\n`);
  const answer = await preview(tenon.rest);
  assert.deepEqual(answer.adaptersNotRun, ["oracle_fusion"]);
  const shown = await tenon.command(["preview"]);
  assert.match(shown.output, /adapter oracle_fusion was loaded, its functions were not run/);
  // One that is as it was is not named for a mapping that changed.
  site.write("scripts/adapters/oracle_fusion.lua", adapter);
  site.write(mappingFile, mixed);
  assert.deepEqual((await preview(tenon.rest)).adaptersNotRun, []);
  assert.doesNotMatch((await tenon.command(["preview"])).output, /not run/);
});

story("a preview without a file that is not there is refused", async (stage) => {
  const { site, tenon } = await synced(stage);
  const without = (path) => ({ files: { [path]: null } });
  for (const path of ["mappings/oracle_fusion/nothing.lua", "scripts/resources/item.lua"]) {
    const error = await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/scripts/preview", without(path));
    assert.match(error.message, /is not in the site folder/, "neither what is nowhere nor what is shipped");
  }
  // Without a site's own file the shipped one counts, as it would after a DELETE.
  const { generation } = await preview(tenon.rest, without(mappingFile));
  const gone = await tenon.rest.want(200, "DELETE", `/scripts/files/${mappingFile}`);
  assert.equal(gone.set, generation);
});

story("a folder of 3 MB of scripts is previewed", async (stage) => {
  const { tenon } = await synced(stage);
  const folder = stage.site("large");
  folder.write(mappingFile, mixed);
  const filler = `-- ${"x".repeat(97)}\n`.repeat(6000);
  for (let i = 0; i < 5; i++) folder.write(`scripts/lib/large${i}.lua`, `${filler}return ${i}\n`);
  const shown = await tenon.command(["preview", "--site", folder.path]);
  assert.equal(shown.code, 0, shown.output);
  assert.match(shown.output, /1 changed, 1 newly failing/);
});

story("a preview refuses a key that two records would have", async (stage) => {
  const { site, tenon, fusion } = await synced(stage, { items: 250 });
  const path = "scripts/resources/item.lua";
  const shipped = readFileSync(join(root, path), "utf8");
  const keyed = (fields) => shipped.replace(/key {4}= \{.*\}/, `key    = { ${fields} }`);
  const files = { [path]: keyed('"partName"') };
  fusion.items.edit(2, { ItemDescription: '"a name"' });
  fusion.items.edit(240, { ItemDescription: '"another name"' });
  await tenon.rest.sync("fusion");
  assert.deepEqual((await preview(tenon.rest, { files })).keysNotChecked, []);

  fusion.items.edit(240, { ItemDescription: '"a name"' });
  await tenon.rest.sync("fusion");
  const error = await tenon.rest.refused(409, "CONFLICT", "POST", "/scripts/preview", { files });
  assert.match(error.message, /table items keeps its shape: the records .* both have partName '/);
  site.write(path, files[path]);
  const told = await tenon.command(["preview"]);
  assert.equal(told.code, 1);
  assert.doesNotMatch(told.output, /--expect/);
  // The store says the same.
  const same = await tenon.rest.refused(409, "CONFLICT", "POST", "/scripts/reload");
  assert.match(same.message, /table items keeps its shape: the records .* both have partName '/);
  site.write(path, keyed('"partNumber"'));
  await preview(tenon.rest);
  await tenon.rest.want(200, "POST", "/scripts/reload");
});
