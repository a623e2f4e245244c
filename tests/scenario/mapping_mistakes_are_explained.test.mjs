// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

const page = readFileSync(new URL("../../docs/mapping-mistakes.md", import.meta.url), "utf8");

const guide = readFileSync(new URL("../../docs/how-to/write-a-mapping.md", import.meta.url), "utf8");

story("the mapping that the guide shows loads and its example holds", async (stage) => {
  const site = stage.site();
  const [shown] = guide.matchAll(/```lua\n(.*?)```/gs);
  site.write("mappings/legacy/part.lua", shown[1].replace(/^ {3}/gm, ""));
  const checked = await command(["check"], { site: site.path });
  assert.equal(checked.code, 0, checked.output);
  const run = await command(["map", "legacy/part", "--from", "csv"], {
    site: site.path,
    input: "NO,TEXT,KIND,PRICE\n4711,Bolt,K,1.5\n",
  });
  assert.equal(
    run.stdout,
    '{"externalId":"4711","partNumber":"4711","partName":"Bolt","partType":"COMPONENT","listPrice":1.50}\n',
  );
});

// The blocks of a section by their language.
const blocks = (section) =>
  Object.fromEntries([...section.matchAll(/```(\w+)\n(.*?)```/gs)].map((block) => [block[1], block[2]]));

story("what the page on mistakes shows is what Tenon says, word for word", async (stage) => {
  const sections = page.split(/^## /m).slice(1);
  assert.equal(sections.length, 10);
  for (const section of sections) {
    const title = section.slice(0, section.indexOf("\n"));
    const { lua, json, text } = blocks(section);
    const site = stage.site();
    site.write(mappingFile, lua);
    if (json) {
      const run = await command(["map", "oracle_fusion/item"], { site: site.path, input: json });
      assert.equal(run.stderr, text, title);
      assert.equal(run.code, text.includes("rejected") ? 1 : 0, title);
    } else {
      const run = await command(["check"], { site: site.path });
      assert.equal(run.code, 1, title);
      assert.equal(`${run.stdout.split("\n").find((line) => line.startsWith("mappings/"))}\n`, text, title);
    }
  }
});
