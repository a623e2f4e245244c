// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { binary } from "../harness/tenon.mjs";

// What a reader of TAP goes by: all that is no comment.
const said = (output) => output.split("\n").filter((line) => line && !line.startsWith("#"));

const command = (tenon, args, site) => tenon.command(["test", ...args], { data: undefined, site });

story("tests of one's own scripts pass, fail with file and line, and say so in TAP", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping({ partName: 'map.const "mine"' }));
  site.write(
    "tests/item.test.lua",
    `local t = require "std.test"
test("the own mapping counts", function()
  expect(t.map("oracle_fusion/item", { ItemNumber = "A" }).partName):equals("mine")
end)
test("this one fails", function()
  expect(1):equals(2)
end)
`,
  );
  site.write("tests/broken.test.lua", "local x = = 1\n");
  site.write("tests/endless.test.lua", 'test("endless", function() while true do end end)\n');
  const tenon = stage.unstarted({ site });
  const good = await command(tenon, ["tests/lua"]);
  assert.equal(good.code, 0, good.output);
  assert.match(good.output, /\d+ tests in \d+ files, 0 failed/);

  const mixed = await command(tenon, [`${site.path}/tests`, "--tap"], site.path);
  assert.equal(mixed.code, 1);
  const lines = mixed.output.split("\n");
  assert.equal(lines[0], "TAP version 13");
  assert.match(mixed.output, /^not ok 1 - .*broken.test.lua: loads$/m);
  assert.match(mixed.output, /^# .*broken.test.lua:1: \[syntax\]/m);
  assert.match(mixed.output, /^not ok 2 - .*endless.test.lua: endless$/m);
  assert.match(mixed.output, /\[budget\]/);
  assert.match(mixed.output, /^ok 3 - .*item.test.lua: the own mapping counts$/m);
  assert.match(mixed.output, /^not ok 4 - .*this one fails$/m);
  assert.match(mixed.output, /^# .*item.test.lua:6: \[script\] expected 2, got 1$/m);
  assert.match(mixed.output, /^1\.\.4$/m);

  assert.equal((await command(tenon, ["nowhere"])).code, 1);
  assert.equal((await command(tenon, ["--frobnicate"])).code, 2);
});

story("neither names nor errors of tests can break the TAP that they are told in", async (stage) => {
  const site = stage.site();
  site.write(
    "tests/sly.test.lua",
    `test("fails # SKIP not today", function() error("first\\nok 99 - injected\\nBail out!\\r\\nnot ok 7", 0) end)
test("two\\nok 98 - lines \\\\", function() end)
`,
  );
  const tenon = stage.unstarted({ site });
  const { code, output } = await command(tenon, [`${site.path}/tests`, "--tap"]);
  assert.equal(code, 1);
  const lines = said(output);
  assert.ok(lines.some((line) => /^not ok \d+ - .*sly.test.lua: fails \\# SKIP not today$/.test(line)), output);
  assert.ok(lines.some((line) => /^ok \d+ - .*sly.test.lua: two ok 98 - lines \\\\$/.test(line)), output);
  assert.ok(!lines.some((line) => /injected|Bail|not ok 7/.test(line)), output);
  for (const line of ["# [script] first", "# ok 99 - injected", "# Bail out! ", "# not ok 7"])
    assert.ok(output.split("\n").some((one) => one.endsWith(line.slice(2)) && one.startsWith("# ")), output);
});

story("a test file may begin as scripts may: with a byte order mark, with a line for the shell", async (stage) => {
  const site = stage.site();
  const fails = (name) => `test("${name}", function() expect(1):equals(2) end)\n`;
  site.write("tests/mark.test.lua", `\uFEFF${fails("marked")}`);
  site.write("tests/shell.test.lua", `\uFEFF#!/usr/bin/env tenon test\n${fails("shell")}`);
  const tenon = stage.unstarted({ site });
  const { output } = await command(tenon, [`${site.path}/tests`]);
  assert.match(output, /mark.test.lua:1: \[script\] expected 2, got 1/);
  assert.match(output, /shell.test.lua:2: \[script\] expected 2, got 1/);
  const broken = stage.unstarted({ site });
  site.write("tests/mark.test.lua", 'test("marked")\n');
  const refused = await command(broken, [`${site.path}/tests/mark.test.lua`]);
  assert.match(refused.output, /mark.test.lua:1: \[script\] the test "marked" has no function/);
});

story("a file without a test is named, and a round that tests nothing is no success", async (stage) => {
  const site = stage.site();
  site.write("tests/empty.test.lua", "local t = require 'std.test'\nlocal function test_me() return t end\n");
  const tenon = stage.unstarted({ site });
  for (const form of [[], ["--tap"]]) {
    const { code, output } = await command(tenon, [`${site.path}/tests`, ...form]);
    assert.equal(code, 1, output);
    assert.match(output, /empty\.test\.lua(: |\n {2})no test is in this file/);
    assert.match(output, /no test was run/);
  }
  site.write("tests/full.test.lua", 'test("holds", function() end)\n');
  const { code, output } = await command(tenon, [`${site.path}/tests`]);
  assert.equal(code, 0, output);
  assert.match(output, /empty\.test\.lua\n {2}no test is in this file/);
});

const withExamples = `
local map = require "tenon.map"
local from = map.from
return map {
  reads = "acme.item", writes = "item", key = "partNumber",
  set = { partNumber = from "no" :text() :required(), partName = from "name" :text() },
  examples = {
    { give = { no = 1, name = "Bolt" }, expect = { partNumber = "1", partName = "Bolt" } },
    { give = { no = 2, name = "Nut" }, expect = { partNumber = "2", partName = "Screw" } },
    { give = { name = "Pin" }, expect = map.reject },
  },
}
`;

story("each example of a mapping is a test, and one that fails stops nothing else", async (stage) => {
  const site = stage.site();
  site.write("mappings/acme/item.lua", withExamples);
  site.write(
    "tests/acme.test.lua",
    `local t = require "std.test"
test("it maps", function() expect(t.map("acme/item", { no = 3 }).partNumber):equals("3") end)
`,
  );
  const tenon = stage.unstarted({ site });
  const plain = await command(tenon, [`${site.path}/tests`], site.path);
  assert.equal(plain.code, 1);
  assert.match(plain.output, /^mappings\/acme\/item.lua\n {2}ok example 1\n {2}FAILED example 2\n {9}\S/m);
  assert.match(plain.output, /mappings\/acme\/item.lua:9: \[mapping\] .*expected "Screw", got "Nut"\n {2}ok example 3/);
  assert.match(plain.output, /ok it maps/);
  assert.match(plain.output, /1 failed/);

  const tap = await command(tenon, [`${site.path}/tests`, "--tap"], site.path);
  assert.equal(tap.code, 1);
  assert.match(tap.output, /^ok \d+ - mappings\/acme\/item.lua: example 1$/m);
  assert.match(tap.output, /^not ok \d+ - mappings\/acme\/item.lua: example 2\n# .*expected "Screw", got "Nut"$/m);
  assert.match(tap.output, /^ok \d+ - .*acme.test.lua: it maps$/m);
  assert.equal(said(tap.output).at(-1), `1..${said(tap.output).length - 2}`);

  assert.notEqual((await tenon.command(["check"], { data: undefined, site: site.path })).code, 0);
  site.write("mappings/acme/item.lua", "return 1\n");
  const broken = await command(tenon, [`${site.path}/tests`, "--tap"], site.path);
  assert.equal(broken.code, 1);
  assert.match(broken.output, /^not ok \d+ - mappings\/acme\/item.lua: loads\n# mappings\/acme\/item.lua:1: \[/m);
});

story("a site without tests of its own has its examples run", async (stage) => {
  const site = stage.site();
  site.write("mappings/acme/item.lua", withExamples.replace("Screw", "Nut"));
  const round = (...args) => spawnSync(binary, ["test", ...args], { cwd: site.path, encoding: "utf8" });
  const { status, stdout, stderr } = round("--site", site.path);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /mappings\/acme\/item.lua\n(?: {2}ok example \d\n){3}/);
  assert.equal(round().status, 1);
});

story("a clock that a test stopped goes again for the next file", async (stage) => {
  const site = stage.site();
  site.write("tests/a.test.lua", 'test("stops", function() require("std.test").clock(1000) end)\n');
  site.write(
    "tests/b.test.lua",
    `local now = require("tenon").now()
test("goes", function() expect(now > 1700000000000):equals(true) end)
`,
  );
  const { code, output } = await command(stage.unstarted({ site }), [`${site.path}/tests`]);
  assert.equal(code, 0, output);
});
