// SPDX-License-Identifier: MIT
// rules.mjs - rules over a backlog of events: one worker against two, what the backlog costs in memory, and how late
// a rule runs when nothing else goes on.
//   node tests/bench/rules.mjs [--rounds N] [--events N]
import { readFileSync } from "node:fs";
import { shop } from "../harness/orders.mjs";
import { Stage } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";
import { middle, option, table } from "./bench.mjs";

const rounds = option("rounds", 3);
const events = option("events", 20_000);
const release = new URL("../../build/release/tenon", import.meta.url).pathname;

// About a third of a millisecond of Lua for each event, and no write.
const compute = `local tn = require "tenon"
return tn.rule { on = "shop.tick", run = function() local s = 0 for i = 1, 40000 do s = s + i % 7 end return end }
`;
const touch = `local tn = require "tenon"
local store = require "tenon.store"
return tn.rule { on = "shop.touch", run = function(event)
  assert(store.transaction(function(tx) tx:create("note", { about = event.data.sent, event = event.seq }) end))
end }
`;
const bulk = `local tn = require "tenon"
local store = require "tenon.store"
return tn.surface { path = "/bulk", routes = { tn.route { "POST", "/{n}", function(req)
  assert(store.transaction(function(tx) for i = 1, tonumber(req.params.n) do tx:event("shop.tick") end end))
  return 202, {}
end } } }
`;
