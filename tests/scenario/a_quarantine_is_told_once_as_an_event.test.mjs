// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { shop } from "../harness/orders.mjs";
import { story } from "../harness/story.mjs";

const adapter = (body) => `local tn = require "tenon"
local log = require "tenon.log"
return tn.adapter {
  title = "Acme", type = "ERP", base = "baseUrl",
  config = { tn.url "baseUrl" { required = true } },
  health = function() return {} end,
  operations = {
    sync_items = { title = "Items", entity = "item", direction = "pull", mapping = "acme/item",
      run = function() log.info("spins") ${body} end },
  },
}
`;
const mapping = `local map = require "tenon.map"
return map { reads = "acme.item", writes = "item", key = "partNumber",
  set = { partNumber = map.from "no" :text() :required() } }
`;
// Tells the log of what it hears, and spins when it is asked to.
const listener = (body) => `local tn = require "tenon"
local log = require "tenon.log"
return tn.rule {
  on = { "integration.quarantined", "rules.quarantined", "scripts.quarantined", "shop.spin", "shop.last" },
  run = function(event)
    if event.type == "shop.spin" then log.info("spins") ${body} end
    log.info("heard %s %s: %s", event.type, event.data.name, event.data.reason)
  end,
}
`;
const endless = "while true do end";
const quarantined = async (tenon) => (await tenon.rest.get("/status")).quarantine;
const sync = (tenon) =>
  tenon.rest.send("POST", "/integrations/acme/sync", { operation: "sync_items" }).catch(() => "gone");
const heard = (tenon) => tenon.output.split("\n").filter((line) => /heard \w+\.quarantined/.test(line));

async function start(stage, { run = endless, rule = "", workers = 2 }) {
  const site = shop(stage, { listen: listener(rule) });
  site.write("scripts/adapters/acme.lua", adapter(run));
  site.write("mappings/acme/item.lua", mapping);
  const tenon = await stage.tenon({ site, workers });
  await tenon.rest.create({ name: "acme", displayName: "Acme", type: "ERP", integrationType: "acme",
    enabled: true, config: { baseUrl: "http://127.0.0.1:1" } });
  return { site, tenon };
}

// Kills the worker in which a script spins for the nth time: what was begun anew by the other, or what
// spin begins.  Some deaths fall between two slices, or come too late, and count for nobody.
async function dieSpinning(tenon, spin, nth) {
  spin();
  const [, role] = /(worker \d+)/.exec(await tenon.logged(/spins/, nth));
  await tenon.replace(tenon.children("worker").find((p) => p.title.endsWith(role)));
  await tenon.ready();
  tenon.rest.agent.destroy();
}
async function dieUntil(tenon, isolate, spin) {
  let deaths = 0;
  while (!(await quarantined(tenon)).includes(isolate) && deaths < 12) await dieSpinning(tenon, spin, ++deaths);
  assert.ok(deaths >= 2, "one death stops nothing");
}

// Events come in order: when the last is heard, all before it were.
async function heardOnce(tenon, pattern) {
  await tenon.logged(/heard \w+\.quarantined/);
  await tenon.rest.want(202, "POST", "//shop/events/shop.last", { name: "x", reason: "y" });
  await tenon.logged(/heard shop\.last/);
  assert.equal(heard(tenon).length, 1, heard(tenon).join("\n"));
  assert.match(heard(tenon)[0], pattern);
}

story("an integration that overran three times is told of by one event", async (stage) => {
  const { tenon } = await start(stage, {});
  for (let i = 0; i < 6; i++) {
    tenon.rest.agent.destroy(); // any worker
    await sync(tenon);
  }
  assert.deepEqual(await quarantined(tenon), ["integrations:acme"]);
  await heardOnce(tenon, /heard integration\.quarantined acme: .*overran .* three times/);
});

story("an integration that ran when a worker died, twice, is told of by one event", async (stage) => {
  const { tenon } = await start(stage, {});
  await dieUntil(tenon, "integrations:acme", () => sync(tenon));
  assert.equal((await tenon.rest.get("/integrations/acme")).quarantined, true);
  await heardOnce(tenon, /heard integration\.quarantined acme: .*when a worker died, twice/);
});

story("rules that overran three times are told of by one event, which they hear once mended", async (stage) => {
  const { site, tenon } = await start(stage, { rule: endless });
  for (let i = 0; i < 3; i++) await tenon.rest.want(202, "POST", "//shop/events/shop.spin", {});
  await tenon.logged(/rules is in quarantine/, 1, { within: 45_000 }); // three budgets of CPU time
  site.write("scripts/rules/listen.lua", listener(""));
  await tenon.rest.want(200, "POST", "/scripts/reload");
  await heardOnce(tenon, /heard rules\.quarantined rules: .*overran .* three times/);
});

story("rules that ran when a worker died, twice, are told of by one event", async (stage) => {
  const { site, tenon } = await start(stage, { rule: endless });
  await dieUntil(tenon, "rules", () => tenon.rest.send("POST", "//shop/events/shop.spin", {}).catch(() => "gone"));
  site.write("scripts/rules/listen.lua", listener(""));
  await tenon.rest.want(200, "POST", "/scripts/reload");
  await heardOnce(tenon, /heard rules\.quarantined rules: .*when a worker died, twice/);
});
