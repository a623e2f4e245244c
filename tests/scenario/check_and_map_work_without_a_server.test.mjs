// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Items } from "../fakes/items.mjs";
import { exact } from "../harness/exact.mjs";
import { exactly, mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

story("tenon check loads everything and names what is wrong", async (stage) => {
  const site = stage.site();
  const good = await command(["check"], { site: site.path });
  assert.equal(good.code, 0, good.output);
  for (const unit of ["core", "oracle_fusion"])
    assert.match(good.stdout, new RegExp(`^  ${unit} +[1-9]\\d* files  [0-9a-f]{12}$`, "m"));
  site.write(mappingFile, mapping({ partName: 'from "ItemDescription" :shout()' }));
  site.write("scripts/adapters/mine.lua", "return {\n  oops\n");
  const bad = await command(["check"], { site: site.path });
  assert.equal(bad.code, 1);
  assert.match(
    bad.output,
    new RegExp(`${mappingFile.replaceAll(".", "\\.")}:${site.lineOf(mappingFile, "shout")}: `),
  );
  assert.match(
    bad.output,
    /scripts\/adapters\/mine\.lua:\d+: /,
    "every fault is told, not the first alone",
  );
  const json = await command(["check", "--json"], { site: site.path });
  assert.equal(json.code, 1);
  assert.ok(JSON.stringify(json.json).includes(mappingFile));
});

story("tenon map maps NDJSON and pages exactly, with faults on stderr", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping({ more: exactly }));
  const items = new Items(40);
  items.edit(5, { ItemNumber: undefined });
  const lines = Array.from({ length: 40 }, (_, i) => items.text(i));
  const checked = (run) => {
    const out = run.stdout.trimEnd().split("\n").map(exact);
    assert.equal(out.length, 39);
    assert.match(run.stderr, /item\.lua:\d+: .*partNumber/);
    for (const [n, record] of out.entries()) {
      const sent = exact(lines[n < 5 ? n : n + 1]);
      assert.deepEqual(
        [record.partNumber, record.attributes.weight, record.attributes.itemId],
        [sent.ItemNumber, sent.UnitWeight, sent.ItemId],
      );
    }
  };
  const rows = await command(["map", "oracle_fusion/item"], {
    site: site.path,
    input: `${lines.join("\n")}\n`,
  });
  checked(rows);
  const page = `{"items":[${lines.join(",")}],"hasMore":false}`;
  const pages = await command(["map", "oracle_fusion/item", "--pages", "items"], {
    site: site.path,
    input: page,
  });
  checked(pages);
  const stats = await command(["map", "oracle_fusion/item", "--stats"], {
    site: site.path,
    input: lines[0],
  });
  assert.equal(stats.code, 0, stats.output);
  assert.match(stats.stderr, /^1 records, 0 rejected, 0 with warnings, /);
  const nobody = await command(["map", "oracle_fusion/nothing"], { site: site.path, input: "" });
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /oracle_fusion\/nothing/);
});
