// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

story("what a resource declares holds for records that a sync brings", async (stage) => {
  const site = stage.site();
  site.write(
    mappingFile,
    mapping({
      partName: `function(src)
        if src.ItemNumber == "PN-000003" then return ("long "):rep(300) end
        if src.ItemNumber == "PN-000004" then return 7 end
        return src.ItemDescription
      end`,
    }),
  );
  const { tenon } = await stage.plant({ items: 10, site });
  const answer = await tenon.rest.sync("fusion");
  assert.deepEqual(
    [answer.status, answer.recordsCreated, answer.recordsFailed],
    ["PARTIAL", 8, 2],
    JSON.stringify(answer),
  );
  assert.deepEqual(
    answer.errors.map((error) => [error.record, error.message]),
    [
      ["PN-000003", "it has 1500 characters; the most is 1000"],
      ["PN-000004", "it has to be a text, not a number"],
    ],
  );
  for (const error of answer.errors) {
    assert.equal(error.code, "ERR_DATA_MAPPING");
    assert.equal(error.field, "partName");
    assert.doesNotMatch(error.message, /partName/, "the field is named once");
    assert.match(error.file, /item\.lua$/);
    assert.match(site.read(error.file).split("\n")[error.line - 1], /partName =/);
  }
  assert.equal(await tenon.rest.itemCount(), 8);
});

// Each would break what serves: reload and check refuse it with file and line, and nothing changes.
const clashes = {
  "a table of the system": ['path = "/api/v1/things", plural = "key"', /'key' is a table of Tenon's own/],
  "the table of another resource": [
    'path = "/api/v1/things", plural = "items"',
    /the table 'items' belongs to scripts\/resources\/item\.lua already/,
  ],
  "the path of another resource": [
    'path = "/api/v1/items"',
    /GET \/api\/v1\/items is there already, in scripts\/resources\/item\.lua:5/,
  ],
  "a path of the API": [
    'path = "/api/v1/integrations"',
    /GET \/api\/v1\/integrations is a route of Tenon's own: take another path/,
  ],
};

story("a resource that takes what belongs to another is refused and the rest serves on", async (stage) => {
  const site = stage.site();
  const { tenon } = await stage.plant({ items: 5, site });
  await tenon.rest.sync("fusion");
  for (const [what, [words, says]] of Object.entries(clashes)) {
    site.write(
      "scripts/resources/thing.lua",
      `local tn = require "tenon"
return tn.resource { ${words}, key = { "name" }, fields = { tn.text "name" { required = true } } }
`,
    );
    const refused = await tenon.rest.send("POST", "/scripts/reload");
    assert.equal(refused.status, 422, `${what}: ${refused.text}`);
    assert.match(refused.body.error.message, says);
    const { file, line } = refused.body.error.details;
    assert.deepEqual([file, line], ["scripts/resources/thing.lua", 2], what);
    const checked = await tenon.command(["check"], { data: undefined, site: site.path });
    assert.equal(checked.code, 1, what);
    assert.match(checked.output, says);
    assert.equal(await tenon.rest.itemCount(), 5);
    assert.ok((await tenon.rest.get("/integrations")).length === 1, what);
  }
  // The bad file is still there: the restart goes on with what served last.
  await tenon.stop();
  await tenon.start();
  assert.equal(await tenon.rest.itemCount(), 5);
});
