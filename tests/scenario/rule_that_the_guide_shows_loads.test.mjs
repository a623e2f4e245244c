// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

const guide = readFileSync(new URL("../../docs/how-to/write-a-rule.md", import.meta.url), "utf8");

story("the rule that the guide shows loads as printed, and counts", async (stage) => {
  const site = stage.site();
  const [, shown] = /```lua\n(.*?)```/s.exec(guide);
  const [, path] = /^-- (scripts\/rules\/\w+\.lua)/.exec(shown);
  site.write(path, shown);
  const checked = await command(["check"], { site: site.path });
  assert.equal(checked.code, 0, checked.output);
  assert.match(checked.stdout, /^ +rules +1 files/m);
});
