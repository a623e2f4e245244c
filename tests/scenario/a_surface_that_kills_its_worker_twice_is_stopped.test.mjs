// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { shop } from "../harness/orders.mjs";
import { story } from "../harness/story.mjs";

const spin = `local tn = require "tenon"
local log = require "tenon.log"
return tn.surface { path = "/spin", routes = {
  tn.route { "GET", "/on", function() log.info("spins") while true do end end },
  tn.route { "GET", "/off", function() return 200, { ok = true } end },
} }
`;

// A crash is played by kill -9 while the surface runs: the next one is told apart by its number.
async function dieSpinning(tenon, nth) {
  const lost = tenon.rest.send("GET", "//spin/on").catch(() => "gone");
  const [worker] = tenon.children("worker");
  await tenon.logged(/spins/, nth);
  await tenon.replace(worker);
  await tenon.ready();
  await lost;
}

const stopped = async (tenon) => (await tenon.rest.get("/status")).quarantine.includes("surfaces:spin");

story("a surface that was running when its worker died, twice, is stopped until it is released", async (stage) => {
  const site = shop(stage);
  site.write("scripts/surfaces/spin.lua", spin);
  const tenon = await stage.tenon({ site, workers: 1 });
  let deaths = 0;
  while (!(await stopped(tenon)) && deaths < 8) await dieSpinning(tenon, ++deaths); // some fall between two slices
  assert.ok(deaths >= 2, "one death stops nothing");
  const answer = await tenon.rest.send("GET", "//spin/off");
  assert.equal(answer.status, 503, answer.text);
  assert.match(answer.body.error.message, /'surfaces:spin' is in quarantine: .* release it/);
  assert.equal((await tenon.rest.send("GET", "//readyz")).status, 200, "the rest lives");
  await tenon.rest.want(200, "POST", "/scripts/surfaces:spin/release");
  assert.deepEqual((await tenon.rest.want(200, "GET", "//spin/off")).ok, true);
});
