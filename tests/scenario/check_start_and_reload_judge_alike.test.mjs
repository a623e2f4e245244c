// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

const tn = 'local tn = require "tenon"\n';
const adapter = (body) => `${tn}return tn.adapter {\n  config = { tn.text "user" },\n  ${body}\n}\n`;
const sync = (body) =>
  adapter(`operations = { sync = { entity = "item", run = function() end,\n  ${body} } },`);
const resource = (body, fields = "") =>
  `${tn}return tn.resource {\n  path = "/api/v1/things", fields = { ${fields} },\n  ${body}\n}\n`;
const surface = (body, path = "/on") =>
  `${tn}return tn.surface {\n  ${body}\n  routes = { tn.route { "GET", "${path}", function() end } } }\n`;
const route = (more) =>
  `${tn}return tn.surface { path = "/x",\n  routes = { tn.route { "GET", "/on", function() end, ${more} } } }\n`;
const rule = (on, body = "") => `${tn}return tn.rule {\n  on = ${on},\n  ${body}\n  run = function() end }\n`;

// Of one unit each: [text, line, sentence].
const adapters = {
  open: ["return {\n  oops\n", 3, /expected/],
  raises: ['local x = 1\nerror("no")\n', 2, /no/],
  global: ["x = 1\n", 1, /would become a global/],
  missing: ['require "std.nothing"\n', 1, /std\.nothing/],
  nothing: ["return 7\n", 1, /has to return an adapter/],
  other: [resource(""), 2, /has to return an adapter/],
  unknown: [adapter("helth = print,"), 4, /did you mean 'health'/],
  typed: [adapter("title = 7,"), 4, /'title' in tn\.adapter has to be a text/],
  connect: [adapter("connect = print,"), 4, /'connect' has no effect in this version/],
  pull: [adapter("pull = {},"), 4, /'pull' has no effect in this version/],
  push: [adapter("push = {},"), 4, /'push' has no effect in this version/],
  modules: [adapter("modules = {},"), 4, /'modules' has no effect in this version/],
  schedule: [sync('schedule = "0 2 * * *"'), 5, /'schedule' has no effect in this version/],
  pushes: [sync('direction = "push"'), 5, /direction = "push" has no effect in this version/],
  sideways: [sync('direction = "sideways"'), 5, /'direction' of sync has to be "pull"/],
  unmapped: [sync(""), 4, /needs a mapping/],
  nowhere: [sync('mapping = "nowhere/item"'), 4, /there is no mapping 'nowhere\/item'/],
  idle: [adapter('operations = { sync = { entity = "item" } },'), 4, /sync needs 'run'/],
  auth: [adapter('auth = tn.auth.basic { user = "user", pasword = "user" },'), 4, /did you mean 'password'/],
  bearer: [adapter('auth = tn.auth.bearer { token = "usr" },'), 4, /did you mean 'user'/],
  base: [adapter('base = "url",'), 4, /'base' names the config field 'url'/],
  replay: [
    adapter('webhook = { id = { header = "X" }, replay_window = "5m" },'), 4, /'replay_window' goes with id = "body"/,
  ],
  window: [adapter('webhook = { id = "body", replay_window = "soon" },'), 4, /'replay_window' has to be a span/],
  same: [adapter('webhook = { id = "bodies" },'), 4, /'id' has to be "body"/],
  both: [adapter('webhook = { id = { header = "X", path = "y" } },'), 4, /either a header or a path/],
  hook: [adapter('webhook = { runs = { x = "nothing" } },'), 4, /runs 'nothing', but there is no such operation/],
  named: [adapter('webhook = tn.webhook "x" { signature = "S" },'), 4, /'name' has no effect/],
  runs: [adapter('webhook = { runs = { a = "sync" } },'), 4, /there is no such operation/],
};
const surfaces = {
  scope: [surface('path = "/s1", scope = "mes",'), 3, /'scope' has no effect in this version/],
  scoped: [route('scope = "mes"'), 3, /'scope' has no effect in this version/],
  auth: [route('auth = "maybe"'), 3, /'auth' has to be "none" or "key"/],
  ours: [surface('path = "/api/v1",', "/keys"), 4, /GET \/api\/v1\/keys is a route of Tenon's own/],
  items: [surface('path = "/api/v1",', "/items"), 4, /is there already, in scripts\/resources\/item\.lua:5/],
  row: [surface('path = "/api/v1",', "/items/{number}"), 4, /is there already, in scripts\/resources\/item\.lua:5/],
  malformed: [surface('path = "/a",', "//b"), 4, /a segment is malformed/],
};
const rules = {
  a: [rule('"itm.created"'), 3, /there is no resource 'itm'/],
  b: [rule('tn.webhook { signature = "S" }'), 3, /do not run on webhooks yet/],
  c: [rule('"item.created"', "when = { data = { a = 1 } },"), 4, /'when' compares 'data'/],
  d: [rule('"item.created"', "wen = {},"), 4, /did you mean 'when'/],
};
// Of core, without which nothing can start.
const resources = {
  a: [resource("actions = {},"), 4, /'actions' has no effect in this version/],
  b: [resource("events = {},"), 4, /'events' has no effect in this version/],
  c: [resource('plural = "items",'), 2, /the table 'items' belongs to/],
  d: [resource("", 'tn.text "version"'), 3, /a field cannot be called 'version'/],
  e: [resource("").replace("things", "items"), 3, /is there already, in scripts\/resources\/\w+\.lua:\d+/],
  f: [resource("").replace("things", "keys"), 3, /GET \/api\/v1\/keys is a route of Tenon's own/],
};
const all = Object.entries({ adapters, surfaces, rules, resources }).flatMap(([folder, cases]) =>
  Object.entries(cases).map(([name, [text, line, says]]) => ({
    folder,
    file: `scripts/${folder}/${folder === "resources" ? "thing" : name}.lua`,
    text,
    line,
    says,
  })),
);
const remove = (site, { file }) => rmSync(join(site.path, file));

async function checked(site) {
  const { code, json } = await command(["check", "--json"], { site: site.path });
  assert.equal(code, 1);
  return json.faults.map(({ file, line, message }) => ({ file, line, message }));
}

story("what check refuses a reload refuses, with file, line and sentence", async (stage) => {
  const site = stage.site();
  const tenon = await stage.tenon({ site, workers: 1 });
  for (const fault of all) {
    site.write(fault.file, fault.text);
    const [first, ...more] = await checked(site);
    assert.deepEqual(more, [], fault.file);
    assert.match(first.message, fault.says, fault.file);
    assert.ok(fault.line === first.line || fault.folder === "resources", `${fault.file}:${first.line}`);
    const answer = await tenon.rest.send("POST", "/scripts/reload");
    assert.equal(answer.status, 422, answer.text);
    const { message, details } = answer.body.error;
    assert.deepEqual({ file: details.file, line: details.line, message }, first);
    await tenon.logged(new RegExp(`reload refused.*${first.file}:${first.line}: `));
    remove(site, fault);
  }
  await tenon.rest.want(200, "POST", "/scripts/reload");
}, { timeout: 240_000 });

story("a start refuses the same units with the same words, and serves the rest", async (stage) => {
  const site = stage.site();
  const broken = all.filter(({ folder }) => folder === "adapters" || folder === "surfaces");
  for (const { file, text } of broken) site.write(file, text);
  const tenon = await stage.tenon({ site, workers: 1 });
  const { refused, units } = await tenon.rest.get("/scripts");
  assert.deepEqual(units.map(({ unit }) => unit), ["core", "oracle_fusion"]);
  assert.equal(refused.length, broken.length);
  for (const fault of broken) {
    const told = refused.find(({ file }) => file === fault.file);
    assert.match(told.message, fault.says);
    assert.deepEqual([told.line, told.serves], [fault.line, "nothing"], fault.file);
    for (const other of broken) if (other !== fault) remove(site, other);
    assert.deepEqual(await checked(site), [{ file: told.file, line: told.line, message: told.message }]);
    for (const { file, text } of broken) site.write(file, text);
  }
}, { timeout: 240_000 });

for (const fault of all.filter(({ folder }) => folder === "resources"))
  story(`a first start fails with what check says: ${fault.says.source}`, async (stage) => {
    const site = stage.site();
    site.write(fault.file, fault.text);
    const [{ file, line, message }] = await checked(site);
    const { code, output } = await stage.unstarted({ site, workers: 1 }).startFails();
    assert.notEqual(code, 0);
    assert.ok(output.includes(`${file}:${line}: ${message}`), output);
  });
