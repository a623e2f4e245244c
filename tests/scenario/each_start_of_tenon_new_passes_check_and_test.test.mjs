// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { story } from "../harness/story.mjs";
import { binary } from "../harness/tenon.mjs";

const page = {
  count: 2,
  items: [
    { no: "4711", description: "Bolt", uom: "EA", price: 1.5, changed: "2026-01-02T03:04:05Z", vendor: { name: "V" } },
    { no: "4712", description: "Nut", uom: "EA", price: 2, active: false, changed: null },
  ],
  hasMore: false,
};
const description = {
  openapi: "3.0.0",
  info: { title: "Parts API" },
  servers: [{ url: "https://api.parts.example/v1" }],
  paths: {
    "/parts": {
      get: {
        parameters: [{ name: "limit", in: "query" }, { name: "offset", in: "query" }, { name: "since", in: "query" }],
        responses: { 200: { content: { "application/json": { schema: { type: "object", properties: {
          items: { type: "array", items: { $ref: "#/components/schemas/Part" } } } } } } } },
      },
    },
    "/parts/{id}": { get: { responses: {} } },
  },
  components: {
    securitySchemes: { key: { type: "apiKey", in: "header", name: "X-Parts-Key" } },
    schemas: { Part: { type: "object", properties: {
      id: { type: "string", format: "uuid" }, partNumber: { type: "string" }, price: { type: "number" } } } },
  },
};

// A site, and what makes something in it and wants it to pass.
async function begin(stage) {
  const tenon = stage.unstarted();
  const site = join(stage.scratch, "site");
  const run = (...args) => tenon.command(args, { data: undefined });
  const make = async (...args) => {
    const made = await run("new", ...args, "--site", site);
    assert.equal(made.code, 0, made.output);
    for (const command of ["check", "test"]) {
      const { code, output } = await run(command, "--site", site);
      assert.equal(code, 0, `${args.join(" ")}: ${output}`);
    }
    return made.output;
  };
  const made = await run("new", "site", site);
  assert.equal(made.code, 0, made.output);
  return { site, run, make, read: (path) => readFileSync(join(site, path), "utf8") };
}

for (const [kind, name, ...more] of [
  ["adapter", "acme"],
  ["mapping", "legacy/item"],
  ["mapping", "legacy/parts", "--entity", "item"],
  ["resource", "bin"],
  ["rule", "item_changed"],
  ["surface", "shop"],
  ["test", "peer"],
])
  story(`new ${[kind, name, ...more].join(" ")} passes check and test, with the settings of editors`, async (stage) => {
    const { site, make } = await begin(stage);
    const said = await make(kind, name, ...more);
    assert.match(said, /wrote .*tests\/.*\.test\.lua/);
    assert.deepEqual(JSON.parse(readFileSync(join(site, ".luarc.json")))["workspace.library"], [".tenon/meta"]);
    assert.ok(existsSync(join(site, ".tenon/meta/tenon.map.lua")));
  });

story("a new site passes check and test, with a library and its test", async (stage) => {
  const { site, run } = await begin(stage);
  const { code, output } = await run("test", "--site", site);
  assert.equal(code, 0, output);
  assert.match(output, /ok blanks at the ends/);
});

story("a mapping is proposed from JSON, CSV and XML", async (stage) => {
  const { make, read } = await begin(stage);
  const files = {
    "s.json": JSON.stringify(page),
    "s.csv": "\ufeffno;name;price\n4711;Bolt;1.5\n4712;\"Nut ]] x\";2\n",
    "s.xml": '<r><Items><Item id="7"><no>A1</no><name>B</name></Item><Item id="8"><no>A2</no></Item></Items></r>',
  };
  for (const [file, text] of Object.entries(files)) {
    const path = join(stage.scratch, file);
    writeFileSync(path, text);
    const kind = file.slice(2);
    const said = await make("mapping", `${kind}/item`, "--from", path);
    assert.match(said, new RegExp(`try it: tenon map ${kind}/item`));
    assert.match(read(`mappings/${kind}/item.lua`), /partNumber +=.* from "no" :text\(\)/);
  }
  assert.match(read("mappings/json/item.lua"), /partName +=.* from "description"/);
  assert.match(read("mappings/json/item.lua"), /lastUpdated +=.* from "changed" :time\(\)/);
  assert.match(read("mappings/json/item.lua"), /not read: vendor\.name/);
});

story("an adapter is made from a description of OpenAPI", async (stage) => {
  const { make, read } = await begin(stage);
  const path = join(stage.scratch, "api.json");
  writeFileSync(path, JSON.stringify(description));
  await make("adapter", "parts", "--openapi", path);
  const adapter = read("scripts/adapters/parts.lua");
  assert.match(adapter, /default = "https:\/\/api\.parts\.example\/v1"/);
  assert.match(adapter, /tn\.auth\.api_key \{ key = "apiKey", header = "X-Parts-Key" \}/);
  assert.match(adapter, /sync_parts = \{/);
});

story("new refuses unknown words with the nearest, and overwrites nothing", async (stage) => {
  const { site, run, make, read } = await begin(stage);
  await make("resource", "bin");
  const before = read("scripts/resources/bin.lua");
  for (const [args, code, says] of [
    [["adaptr", "x"], 2, /no kind 'adaptr'; did you mean 'adapter'\?/],
    [["mapping", "acme/itm"], 1, /no resource 'itm'; did you mean 'item'\?/],
    [["rule", "x", "--entity", "bn"], 1, /no resource 'bn'; did you mean 'bin'\?/],
    [["mapping", "item"], 2, /SYSTEM\/ENTITY/],
    [["adapter", "../x"], 2, /cannot be the name/],
    [["adapter", "core"], 2, /a unit of Tenon's own/],
    [["rule", "x", "--from", "y.json"], 2, /--from goes with new mapping alone/],
    [["adapter", "x", "--openapi", "none.json"], 1, /No such file/],
    [["resource", "bin"], 1, /bin\.lua is there already, and nothing was written/],
  ]) {
    const refused = await run("new", ...args, "--site", site);
    assert.equal(refused.code, code, refused.output);
    assert.match(refused.output, says);
  }
  assert.equal(read("scripts/resources/bin.lua"), before);
  assert.ok(!existsSync(join(site, "scripts/rules/x.lua")));
});

story("one broken file blocks neither map nor test of another, and map may pass over examples", async (stage) => {
  const { site, run, make } = await begin(stage);
  await make("mapping", "legacy/item");
  writeFileSync(join(site, "mappings/legacy/broken.lua"), "return 1 +\n");
  writeFileSync(join(site, "tests/seen.test.lua"), `local t = require "std.test"
test("the other mapping is there", function() assert(t.map("legacy/item", { id = "1", partNumber = "1",
  organizationCode = "V1" })) end)\n`);
  const input = '{"id":"1","partNumber":"A","organizationCode":"V1"}\n';
  const map = (...more) => stage.tenons[0].command(["map", "legacy/item", ...more], { data: undefined, site, input });
  const mapped = await map();
  assert.equal(mapped.code, 0, mapped.output);
  assert.match(mapped.stdout, /"partNumber":"A"/);
  assert.match(mapped.stderr, /note: 1 fault in other files/);
  const tested = await run("test", "--site", site);
  assert.equal(tested.code, 1);
  assert.match(tested.output, /FAILED loads\n.*broken\.lua:/);
  assert.match(tested.output, /ok the other mapping is there/);
  const path = join(site, "mappings/legacy/item.lua");
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace('expect = [[{"partNumber":"4711"', 'expect = [[{"partNumber":"x"'));
  assert.match((await map()).output, /example 1: partNumber/);
  assert.match((await map("--no-examples")).stdout, /"partNumber":"A"/);
});

story("case 30: a test sees the config of the server, and its log lines are shown", async (stage) => {
  const { site, run, make } = await begin(stage);
  await make("adapter", "acme");
  writeFileSync(join(site, "tests/config.test.lua"), `local t = require "std.test"
local acme = require "adapters.acme"
local good = { baseUrl = "https://a.example", user = "u", password = "p" }
test("defaults", function()
  expect(t.connect(acme, good).config.batchSize):equals(200)
  require("tenon.log").info("seen %d", 7)
end)
test("faults", function()
  expect(function() t.connect(acme, { user = "u" }) end):fails_with("invalid", "baseUrl")
  expect(function() t.run(acme, "sync_items", { baseUrl = "https://a.example", usr = "u" }) end)
    :fails_with("invalid", "usr")
end)\n`);
  const { code, output } = await run("test", "--site", site);
  assert.equal(code, 0, output);
  assert.match(output, /seen 7/);
});

story("show prints docs and stubs, help prints one command", async (stage) => {
  const { run } = await begin(stage);
  assert.match((await run("show", "write-a-mapping")).output, /^# Write a mapping/);
  assert.match((await run("show", "tenon.map")).output, /^---@meta tenon\.map/);
  assert.match((await run("show", "docs/how-to/write-a-rule.md")).output, /^# Write a rule/);
  assert.match((await run("help", "map")).output, /^usage: tenon map NAME[^]*--no-examples/);
  assert.match((await run("help", "serve")).output, /--listen HOST:PORT .*127\.0\.0\.1:8480/);
  assert.match((await run("help", "mpa")).output, /no command 'mpa'; did you mean 'map'/);
});

story("bash completes commands and options, and the man page has every command", async (stage) => {
  const { run } = await begin(stage);
  const asked = (words, at) => {
    const script = `tenon() { "${binary}" "$@"; }; eval "$(tenon completion bash)"
COMP_WORDS=(${words}); COMP_CWORD=${at}; _tenon; echo "\${COMPREPLY[@]}"`;
    return spawnSync("bash", ["-c", script], { encoding: "utf8", timeout: 20_000 }).stdout.trim();
  };
  assert.equal(asked("tenon qua", 1), "quarantine");
  assert.equal(asked("tenon map --no", 2), "--no-examples");
  assert.match((await run("completion", "zsh")).output, /^#compdef tenon\n[^]*'map:map the records/);
  assert.match((await run("completion", "zhs")).output, /did you mean 'zsh'/);
  const page = (await run("man")).output;
  for (const word of [".TH TENON 1", ".SS new", ".SS serve", "--no-examples", "--listen HOST:PORT"])
    assert.ok(page.includes(word), word);
});

story("case 30: check tells a webhook that names a filter which its operation lacks", async (stage) => {
  const { site, run, make, read } = await begin(stage);
  await make("adapter", "acme");
  const path = join(site, "scripts/adapters/acme.lua");
  const hook = (since) =>
    `  webhook = tn.webhook { signature = "X-Sig", secret = "password",
    runs = { ["item.updated"] = { operation = "sync_items"${since} } } },\n  operations = {`;
  const text = read("scripts/adapters/acme.lua");
  const bare = text.replace("      filters = { tn.time \"modifiedSince\" {} },\n", "").replace(", filters)", ")")
    .replace("{ since = filters.modifiedSince }", "{}");
  assert.notEqual(bare, text);
  writeFileSync(path, bare.replace("  operations = {", hook(', since = "modifiedSince"')));
  const refused = await run("check", "--site", site);
  assert.equal(refused.code, 1, refused.output);
  assert.match(refused.output, /acme\.lua:\d+: the webhook's event '.*': 'sync_items' has no filter 'modifiedSince'/);
  writeFileSync(path, bare.replace("  operations = {", hook("")));
  const taken = await run("check", "--site", site);
  assert.equal(taken.code, 0, taken.output);
});
