// SPDX-License-Identifier: MIT
// ./dev features on a tree of its own: the table of promises cannot name a test that is not there, or
// that did not pass.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { scratchFolder } from "./scratch.mjs";
import { root } from "./tenon.mjs";

const tests = {
  "tests/scenario/a_door_opens.test.mjs":
    'story("the door opens", () => {});\nfor (const n of [1, 2]) story(`${n} doors open`, () => {});\n',
  "tests/unit/test_door.c": "static void it_opens(void **state)\n{\n}\n",
  "tests/lua/door.test.lua": 'test("it says \\"open\\"", function() end)\n',
  "tests/fuzz/fuzz_door.c": "",
  "tests/harness/door.test.mjs": 'test("it is painted", () => {});\n',
};
const records = {
  "scenario.tsv":
    "/x/tests/harness/story.mjs\tthe door opens\tpass\n" +
    "/x/tests/harness/story.mjs\t1 doors open\tpass\n",
  "harness.tsv": "/x/tests/harness/door.test.mjs\tit is painted\tpass\n",
  "lua.tap": 'ok 1 - tests/lua/door.test.lua: it says "open"\n',
  "unit.xml":
    '<testcase name="test_door" classname="test_door" time="1" status="run">\n<system-out>' +
    "[ RUN      ] it_opens\n[       OK ] it_opens\n</system-out>\n</testcase>\n" +
    '<testcase name="fuzz_door" classname="fuzz_door" time="1" status="run">\n</testcase>\n',
};
const good = [
  "S0-001\tA door opens.\tC1 G2\tscenario/a_door_opens > the door opens + unit/test_door > it_opens",
  "S0-002\tDoors open.\t\tscenario/a_door_opens > 1 doors open + fuzz/fuzz_door + harness/door > it is painted",
  'P1\tIt is said.\t\tlua/door > it says "open" + unit/test_door + scenario/a_door_opens',
  "N1\tA door closes.\t\t",
];

// Runs the tool in a folder with these rows and this record.
function features(t, rows, { args = [], ran = records } = {}) {
  const folder = scratchFolder();
  t.after(folder.clear);
  const write = (path, text) => {
    mkdirSync(dirname(join(folder.path, path)), { recursive: true });
    writeFileSync(join(folder.path, path), text);
  };
  for (const [path, text] of Object.entries(tests)) write(path, text);
  for (const [path, text] of Object.entries(ran ?? {})) write(`build/dev/tests-ran/${path}`, text);
  write("docs/features.tsv", `${["id\tstatement\tsettles\ttest", ...rows].join("\n")}\n`);
  const tool = join(root, ".ci/features.mjs");
  return spawnSync(process.execPath, [tool, ...args], { cwd: folder.path, encoding: "utf8" });
}

function refused(t, row, says, options) {
  const { status, stderr } = features(t, [...good, row], options);
  assert.equal(status, 1, row);
  assert.match(stderr, /^docs\/features\.tsv:6: /, row);
  assert.match(stderr, says);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
}

test("a table whose tests are there and passed is counted", (t) => {
  for (const args of [[], ["--ran"]]) {
    const { status, stdout, stderr } = features(t, good, { args });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^S0 .* 2 +2 +0$/m);
    assert.match(stdout, /^N .* 1 +0 +1$/m);
    assert.match(stdout, /^all +4 +3 +1$/m);
  }
  const json = JSON.parse(features(t, good, { args: ["--ran", "--json"] }).stdout);
  assert.deepEqual(json.at(-1), { source: "all", title: "", rows: 4, shown: 3, missing: 1 });
  assert.equal(features(t, good, { args: ["--missing"] }).stdout, "N1      A door closes.\n");
  assert.equal(features(t, good, { args: ["--missing", "S0"] }).stdout, "");
  assert.equal(features(t, good, { args: ["--check"], ran: null }).stdout, "features: ok\n");
  assert.equal(features(t, good, { args: ["--often"] }).status, 2);
});

test("a test that is not there is refused, with the nearest name", (t) => {
  refused(t, "P2\tIt.\t\tunit/test_door > it_open", /no test ".*it_open"; .* is ".*it_opens"/);
  refused(t, "P2\tIt.\t\tscenario/a_dor_opens", /nearest is "scenario\/a_door_opens"/);
  refused(t, "P2\tIt.\t\tscenario/a_door_opens > 3 doors shut", /there is no test/);
  refused(t, "P2\tIt.\t\tfuzz/fuzz_door +lua/door", /there is no test/);
});

test("rows that cannot be read, stand twice or state nothing are refused", (t) => {
  refused(t, "S0-001\tAgain.\t\t", /S0-001 stands in line 2 already/);
  refused(t, "P2\t \t\t", /P2 states nothing/);
  refused(t, "P2\tIt.\t", /4 columns.* this one has 3/);
  refused(t, "", /this one has 1/);
  refused(t, "S9-001\tIt.\t\t", /"S9-001" is no id/);
  refused(t, "P2\tIt.\tC1,C2\t", /"C1,C2" is neither a C nor a G/);
});

test("a test that did not run, was left out or did not pass is refused after a round", (t) => {
  const args = ["--ran"];
  const story = "P2\tIt.\t\tscenario/a_door_opens > 2 doors open";
  const end = (result) => ({
    ...records,
    "more.tsv": `/x/tests/harness/story.mjs\t2 doors open\t${result}\n`,
  });
  refused(t, story, /"scenario\/a_door_opens > 2 doors open" did not run/, { args });
  for (const [result, says] of [
    ["fail", /did not pass/],
    ["skip", /was left out/],
  ]) {
    const { status, stderr } = features(t, [...good, story], { args, ran: end(result) });
    assert.equal(status, 1);
    const lines = stderr.trim().split("\n");
    assert.deepEqual(lines.map((line) => line.split(":")[1]), ["4", "6"], "so is its file as a whole");
    for (const line of lines) assert.match(line, says);
  }
  const dead = records["unit.xml"].replace('status="run"', 'status="fail"');
  const died = features(t, good, { args, ran: { ...records, "unit.xml": dead } });
  assert.match(died.stderr, /"unit\/test_door" did not pass/);
  const none = features(t, good, { args, ran: null });
  assert.equal(none.status, 1);
  assert.match(none.stderr, /there is no build\/dev\/tests-ran/);
});
