// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { digest } from "../harness/shapes.mjs";
import { story } from "../harness/story.mjs";

story(
  "a changed mapping line is live after a reload and shows after the next sync",
  async (stage) => {
    const site = stage.site();
    site.write(mappingFile, mapping());
    const { fusion, tenon } = await stage.plant({ items: 40, site });
    const capitals = (name) => name.replace(/[a-z]/g, (letter) => letter.toUpperCase());
    const names = Array.from({ length: 40 }, (_, i) => fusion.items.value(i, "ItemDescription"));
    const first = await tenon.rest.sync("fusion");
    assert.equal((await tenon.rest.item("PN-000001")).partName, "Bracket 000001");

    site.edit(
      mappingFile,
      'from "ItemDescription" :text()',
      'from "ItemDescription" :text() :upper()',
    );
    assert.equal((await tenon.rest.sync("fusion")).recordsUnchanged, 40, "not before the reload");

    const report = await tenon.rest.want(200, "POST", "/scripts/reload");
    assert.ok(report.changed.length >= 1, JSON.stringify(report));
    for (const unit of report.changed) {
      assert.match(unit.generation, digest);
      assert.match(unit.previous, digest);
      assert.notEqual(unit.generation, unit.previous);
    }
    assert.ok(Number.isInteger(report.unchanged) && Number.isInteger(report.duration));

    const second = await tenon.rest.sync("fusion");
    assert.equal(second.recordsUpdated, names.filter((name) => name !== capitals(name)).length);
    assert.notEqual(second.generation, first.generation);
    assert.equal((await tenon.rest.item("PN-000001")).partName, "BRACKET 000001");

    const idle = await tenon.rest.want(200, "POST", "/scripts/reload");
    assert.deepEqual(idle.changed, [], "a reload without a change changes nothing");
  },
);
