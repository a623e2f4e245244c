// SPDX-License-Identifier: MIT
// rules.mjs - a backlog of events that a rule works off: two workers against one, and what it costs in memory; and how
// late a rule runs when nothing else goes on.
//   node rules.mjs [--events 20000] [--rounds 3] [--json]
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bench, median, options, Tenon } from "./bench.mjs";
import { Site } from "../harness/scratch.mjs";

const given = options({ events: 20_000, rounds: 3 });

// About 0.4 ms of Lua for an event, and no write; the bulk surface tells many events in one commit.
const compute = `local tn = require "tenon"
return tn.rule { on = "bulk.tick", run = function() local s = 0 for i = 1, 60000 do s = s + i % 7 end end }
`;
const stamp = `local tn = require "tenon"
local store = require "tenon.store"
return tn.rule { on = "bulk.touch", run = function(event)
  assert(store.transaction(function(tx) tx:create("mark", { sent = event.data.sent }) end))
end }
`;
const mark = `local tn = require "tenon"
return tn.resource { path = "/api/v1/marks", fields = { tn.text "sent" {} }, list = { filter = { "sent" } } }
`;
const bulk = `local tn = require "tenon"
local store = require "tenon.store"
return tn.surface { path = "/bulk", routes = {
  tn.route { "POST", "/ticks/{n}", function(req)
    assert(store.transaction(function(tx) for _ = 1, tonumber(req.params.n) do tx:event("bulk.tick") end end))
    return 202, {}
  end },
  tn.route { "POST", "/touch", function(req)
    assert(store.transaction(function(tx) tx:event("bulk.touch", req:json()) end))
    return 202, {}
  end },
} }
`;

function siteOf(folder) {
  const site = new Site(join(folder, "site"));
  site.write("scripts/rules/compute.lua", compute);
  site.write("scripts/rules/stamp.lua", stamp);
  site.write("scripts/resources/mark.lua", mark);
  site.write("scripts/surfaces/bulk.lua", bulk);
  return site;
}

const pss = (pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]);
const memory = (tenon) => Math.max(...tenon.children("worker").map((p) => pss(p.pid)));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const lag = async (tenon) => (await tenon.rest.get("/consumers")).consumers[0].lag;

async function tenonFor(place, name, workers) {
  const tenon = new Tenon(join(place.folder, name), { site: siteOf(place.folder), workers });
  place.defer(() => tenon.end());
  await tenon.start();
  return tenon;
}

// Tells the events, then waits until nearly all of them are done.  The lag counts from the stored positions, and one
// that only passed by events of other partitions is stored late, so the last few do not count.  To look costs the
// workers time, so this looks seldom while much is left.
const LATE = 100;
async function drain(tenon, events) {
  let peak = 0;
  let left;
  const began = performance.now();
  for (let told = 0; told < events; told += 500)
    await tenon.rest.want(202, "POST", `//bulk/ticks/${Math.min(500, events - told)}`, {});
  while ((left = await lag(tenon)) > LATE) {
    peak = Math.max(peak, memory(tenon));
    await sleep(Math.min(500, Math.max(10, left / 20)));
  }
  return { ms: performance.now() - began, peak };
}

async function lateness(tenon, n = 200) {
  const late = [];
  for (let i = 0; i < n; i++) {
    const began = performance.now();
    await tenon.rest.want(202, "POST", "//bulk/touch", { sent: `m${i}` });
    while ((await tenon.rest.get(`/marks?limit=1&sent=m${i}`)).marks.length === 0) continue;
    late.push(performance.now() - began);
    await sleep(5);
  }
  return late.sort((a, b) => a - b)[Math.floor(n * 0.99)];
}

await bench(async (place) => {
  const took = { 1: [], 2: [] };
  const peaks = [];
  let late;
  for (let round = 0; round < given.rounds; round++) {
    for (const workers of [1, 2]) {
      const tenon = await tenonFor(place, `data${round}-${workers}`, workers);
      await drain(tenon, 1000);
      const small = await drain(tenon, 1000);
      const large = await drain(tenon, given.events);
      took[workers].push(large.ms);
      peaks.push(large.peak / small.peak);
      if (workers === 2) late = await lateness(tenon);
      await tenon.stop();
    }
  }
  const rate = (list) => Math.round(given.events / (median(list) / 1000));
  const rows = [
    ["events/s with one worker", rate(took[1]), ""],
    ["events/s with two", rate(took[2]), ""],
    ["two against one", (rate(took[2]) / rate(took[1])).toFixed(2), ">= 1.7"],
    [`memory with ${given.events} waiting against 1,000`, median(peaks).toFixed(2), "about 1"],
    ["p99 from a call to its rule's effect, idle, ms", late.toFixed(1), "< 20"],
  ];
  if (given.json) console.log(JSON.stringify(Object.fromEntries(rows.map(([name, value]) => [name, Number(value)]))));
  else for (const [name, value, goal] of rows) console.log(`${name.padEnd(50)} ${String(value).padStart(8)}  ${goal}`);
});
