// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

const surface = (text) => `local tn = require "tenon"
return tn.surface { path = "/shop", routes = {
  tn.route { "GET", "/on", function() return 200, { says = "${text}" } end } } }
`;
const broken = 'local tn = require "tenon"\nreturn tn.surface {\n';
const shop = "scripts/surfaces/shop.lua";
const rule = "scripts/rules/note.lua";
const bad = mapping({ partName: 'from "ItemDescription" :shout()' });

const refusedOf = async (tenon) => {
  const { refused } = await tenon.rest.get("/scripts");
  return Object.fromEntries(refused.map((r) => [r.unit, r]));
};

story("broken files of an integration, a surface and a rule are refused, and the rest serves", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, bad);
  site.write(shop, broken);
  site.write(rule, broken);
  const tenon = await stage.tenon({ site });
  const line = site.lineOf(mappingFile, "shout");
  for (const refused of await tenon.eachWorker(() => refusedOf(tenon))) {
    assert.deepEqual(Object.keys(refused).sort(), ["oracle_fusion", "rules", "surfaces:shop"]);
    assert.deepEqual([refused.oracle_fusion.file, refused.oracle_fusion.line], [mappingFile, line]);
    assert.equal(refused.oracle_fusion.serves, "nothing");
  }
  await tenon.rest.want(200, "GET", "/items");
  await tenon.logged(/surfaces:shop are refused, and the rest serves: scripts\/surfaces\/shop\.lua:\d+: /);
  const shown = await tenon.command(["generations"]);
  assert.match(shown.output, /^oracle_fusion +refused, nothing of it serves: mappings\/\S+item\.lua:\d+: /m);
  const { text } = await tenon.rest.send("GET", "//metrics");
  assert.match(text, /^tenon_scripts_refused 3$/m);
  const { code, stdout } = await command(["doctor"], { data: tenon.data });
  assert.equal(code, 1, stdout);
  const told = `oracle_fusion is refused, nothing of it serves: ${mappingFile}:${line}: .*\\n +-> mend the file`;
  assert.match(stdout, new RegExp(`^fault +scripts +${told}`, "m"));
  const found = (await command(["doctor", "--json"], { data: tenon.data })).json.filter((f) => f.check === "scripts");
  assert.deepEqual(found.map((f) => [f.unit, f.file]).sort(),
    [["oracle_fusion", mappingFile], ["rules", rule], ["surfaces:shop", shop]]);
  assert.equal(found.find((f) => f.unit === "oracle_fusion").line, line);

  const { status, text: said, body } = await tenon.rest.send("POST", "/scripts/reload");
  assert.equal(status, 422, said);
  assert.deepEqual(body.error.faults.map(({ file }) => file).sort(), [mappingFile, rule, shop]);
  site.write(mappingFile, mapping({}));
  site.write(shop, surface("mended"));
  site.write(rule, 'local tn = require "tenon"\nreturn tn.rule { on = "item.created", run = function() end }\n');
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(await refusedOf(tenon), {});
  assert.match((await command(["doctor"], { data: tenon.data })).stdout, /^ok +scripts +all units/m);
  assert.equal((await tenon.rest.want(200, "GET", "//shop/on")).says, "mended");
});

story("what served of a broken unit goes on, and others change", async (stage) => {
  const site = stage.site();
  site.write(shop, surface("one"));
  const { tenon } = await stage.plant({ items: 5, site });
  await tenon.stop();
  site.write(mappingFile, bad);
  site.write(shop, surface("two"));
  await tenon.start();
  const refused = await refusedOf(tenon);
  assert.deepEqual([Object.keys(refused), refused.oracle_fusion.serves], [["oracle_fusion"], "older"]);
  assert.equal((await tenon.rest.want(200, "GET", "//shop/on")).says, "two");
  await tenon.rest.sync("fusion");
  assert.equal(await tenon.rest.itemCount(), 5);
  const shown = await tenon.command(["generations"]);
  assert.match(shown.output, /^oracle_fusion +refused, an older one serves: mappings\//m);
  await tenon.stop();
  await tenon.start();
  assert.equal((await refusedOf(tenon)).oracle_fusion.serves, "older", "once more");
});

story("an integration whose unit has nothing to serve says which fault keeps it", async (stage) => {
  const site = stage.site();
  const lazy = (more) => `local tn = require "tenon"
return tn.adapter { config = { tn.url "base" }, base = "base", auth = tn.auth.none {}, ${more}
  operations = { get = { entity = "item", mapping = "lazy/item", run = function() end } } }
`;
  site.write("scripts/adapters/lazy.lua", lazy(""));
  site.write(shop, `local tn = require "tenon"
return tn.surface { path = "/shop", routes = { tn.route { "POST", "/pull", function()
  local _, err = tn.sync("lazy", "get")
  return 200, { says = err and err.message or "started" }
end } } }
`);
  site.write("mappings/lazy/item.lua", mapping({}).replaceAll("oracle_fusion.item", "lazy.item"));
  const tenon = await stage.tenon({ site });
  const made = await tenon.rest.want(201, "POST", "/integrations", {
    name: "lazy", type: "ERP", integrationType: "lazy", config: { base: "http://127.0.0.1:9/" },
  });
  assert.ok(made);
  await tenon.stop();
  // What served of it does not go with the resources of today.
  site.write("scripts/adapters/lazy.lua", lazy("connect = print,"));
  site.write("scripts/resources/item.lua", `local tn = require "tenon"
return tn.resource { path = "/api/v1/items", plural = "items", key = { "externalId" },
  fields = { tn.text "externalId" { required = true } } }
`);
  await tenon.start();
  const { lazy: told } = await refusedOf(tenon);
  assert.equal(told.serves, "nothing");
  const answer = await tenon.rest.send("POST", "/integrations/lazy/sync", {});
  assert.equal(answer.status, 503, answer.text);
  assert.match(answer.body.error.message, /^the scripts of lazy are refused: (scripts|mappings)\/\S+\.lua:\d+: /);
  assert.equal((await tenon.rest.want(200, "POST", "//shop/pull", {})).says, answer.body.error.message);
});
