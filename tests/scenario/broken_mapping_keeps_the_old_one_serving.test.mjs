// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

const broken = {
  "a syntax error": [mapping().replace("partType = from", "partType == from"), "partType =="],
  "an unknown operator": [mapping({ partName: 'from "ItemDescription" :shout()' }), "shout"],
  "an unknown member": [
    mapping().replace('key = "partNumber"', 'key = "partNumber", colour = "red"'),
    "return map {",
  ],
  "an unknown target field": [mapping({ more: 'partColour = from "Colour",' }), "partColour"],
  "an argument of the wrong type": [
    mapping({ partName: 'from "ItemDescription" :number { min = "low" }' }),
    "partName =",
  ],
  "an error at load": [mapping({ head: 'error("no luck")' }), "no luck"],
  "an endless loop at load": [mapping({ head: "while true do end" }), "while true"],
  "no declaration": ["return 7\n", "return 7"],
  "an empty file": ["", null],
  bytecode: ["\x1bLua", null],
};

story(
  "a mapping with an error is refused with file and line, and the old one goes on serving",
  async (stage) => {
    const site = stage.site();
    site.write(mappingFile, mapping());
    const { tenon } = await stage.plant({ items: 10, site });
    await tenon.rest.sync("fusion");
    const { units } = await tenon.rest.get("/scripts");
    const misses = [];
    for (const [what, [text, where]] of Object.entries(broken)) {
      site.write(mappingFile, text);
      const answer = await tenon.rest.send("POST", "/scripts/reload");
      const { details, message } = answer.body.error ?? {};
      const line = where && text.slice(0, text.indexOf(where)).split("\n").length;
      const good =
        answer.status === 422 &&
        details?.file === mappingFile &&
        message &&
        (!where || Math.abs(details.line - line) <= 1);
      if (!good) misses.push(`${what} (line ${line}): ${answer.status} ${answer.text}`);
      if ((await tenon.rest.sync("fusion")).recordsUnchanged !== 10)
        misses.push(`${what}: the old one is not serving`);
    }
    assert.deepEqual(misses, []);
    assert.deepEqual(
      (await tenon.rest.get("/scripts")).units,
      units,
      "the generations are as they were",
    );

    const check = await tenon.command(["check"], { data: undefined, site: site.path });
    assert.equal(check.code, 1);
    assert.match(check.output, /mappings\/oracle_fusion\/item\.lua(:\d+)?: /);

    site.write(mappingFile, mapping({ partName: 'map.const "healed"' }));
    await tenon.rest.want(200, "POST", "/scripts/reload");
    assert.equal((await tenon.rest.sync("fusion")).recordsUpdated, 10);
  },
);

story("a mapping whose own example fails is refused", async (stage) => {
  const site = stage.site();
  const example = (expected) =>
    mapping().replace(
      /\}\n$/,
      `  example = {
    give = { ItemNumber = "A", ItemDescription = "b", ItemClass = "Root", PrimaryUOMCode = "EA" },
    expect = { partNumber = "A", partName = "${expected}", partType = "ASSEMBLY", unitOfMeasure = "EA" },
  },
}
`,
    );
  site.write(mappingFile, example("b"));
  const { rest } = await stage.tenon({ site });
  site.write(mappingFile, example("c"));
  const error = await rest.refused(422, "VALIDATION_ERROR", "POST", "/scripts/reload");
  assert.equal(error.details.file, mappingFile);
  assert.match(error.message, /example/);
  assert.match(error.message + error.details.field, /partName/);
});

story("of three changed files with a broken one, none is taken", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping());
  const { tenon } = await stage.plant({ items: 5, site });
  await tenon.rest.sync("fusion");
  site.write(mappingFile, mapping({ partName: 'map.const "new"' }));
  site.write("scripts/adapters/broken.lua", "return {");
  const error = await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/scripts/reload");
  assert.equal(error.details.file, "scripts/adapters/broken.lua");
  assert.equal((await tenon.rest.sync("fusion")).recordsUnchanged, 5);
});
