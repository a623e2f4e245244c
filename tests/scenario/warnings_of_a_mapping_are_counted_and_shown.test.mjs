// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

const warning = (source) =>
  mapping({ more: `listPrice = from "${source}" :decimal { scale = 2 } :on_fault "warn",` });

story("a field that is left out with a warning shows in the run, by record and line", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, warning("ItemDescription"));
  const { tenon } = await stage.plant({ items: 30, site });
  const answer = await tenon.rest.sync("fusion");
  assert.deepEqual([answer.status, answer.recordsCreated], ["SUCCESS", 30], JSON.stringify(answer));
  assert.equal(answer.warningCount, 30);
  assert.equal(answer.warnings.length, 20, "the first are listed");
  const [first] = answer.warnings;
  assert.deepEqual([first.record, first.field, first.file], ["PN-000001", "listPrice", mappingFile]);
  assert.match(site.read(mappingFile).split("\n")[first.line - 1], /listPrice =/);
  assert.match(first.message, /number/);

  const run = await tenon.rest.run("fusion", answer.runId);
  assert.deepEqual([run.warningCount, run.warnings.length], [30, 20]);
  const told = await tenon.command(["sync", "fusion", "sync_items"]);
  assert.equal(told.code, 0, told.output);
  assert.match(told.stdout, /30 warnings: [^]*PN-000001.*listPrice[^]*and 10 more/);

  site.write(mappingFile, mapping());
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.ok(!("warningCount" in (await tenon.rest.sync("fusion"))), "none is not mentioned");
});
