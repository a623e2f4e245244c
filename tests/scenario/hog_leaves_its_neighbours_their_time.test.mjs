// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { Load, spread } from "../harness/load.mjs";
import { story } from "../harness/story.mjs";

// ./dev bench hogs asks for more of them, so that the percentiles mean something, and measures
// before each hog what they are beside nothing.
const RATE = +(process.env.HOG_RATE ?? 200); // requests a second beside each hog
const BENCH = !!process.env.HOG_RATE;
const AFTER = 60; // requests that are answered when it has ended

const flood = "local t = {} while true do t[#t + 1] = {} end";
const doubling = 'local s = "x" while true do s = s .. s end';
const hogs = [
  // [where it runs, what it is, its code]
  ["an operation", "an endless loop", "while true do end"],
  ["an operation", "a loop that catches its end", "while true do pcall(function() while true do end end) end"],
  ["an operation", "a loop in a coroutine", "coroutine.wrap(function() while true do end end)()"],
  ["an operation", "a comparison without end", "table.sort({1, 2}, function() while true do end end)"],
  ["an operation", "a pattern that backtracks", '(("a"):rep(40000)):match((".-"):rep(30) .. "b")'],
  ["an operation", "a table flood", flood],
  ["an operation", "a huge text", doubling],
  ["an operation", "a transaction without end", 'require("tenon.store").transaction(function() while true do end end)'],
  ["an operation", "a log without end", 'while true do require("tenon.log").debug("x") end'],
  ["an operation", "a value that the host has to ask",
    'require("tenon.log").warn("%s", setmetatable({}, { __tostring = function() while true do end end }))'],
  ["an operation", "what nothing can interrupt", "load(function() while true do end end)"],
  ["a mapping", "an endless loop", "while true do end"],
  ["a mapping", "a pattern that backtracks", 'return (("a"):rep(40000)):match((".-"):rep(30) .. "b")'],
  ["a mapping", "a table flood", flood],
  ["a mapping", "a huge text", doubling],
  ["a file that is loaded", "an endless loop", "while true do end"],
  ["a file that is loaded", "a pattern that backtracks", '(("a"):rep(40000)):match((".-"):rep(30) .. "b")'],
  ["a file that is loaded", "a table flood", flood],
  ["a file that is previewed", "an endless loop", "while true do end"],
];

const adapter = (code) => `\
local tn   = require "tenon"
local http = require "tenon.http"
return tn.adapter {
  title = "Acme", type = "ERP", base = "baseUrl",
  config = { tn.url "baseUrl" { required = true } },
  health = function(conn) return {} end,
  operations = {
    sync_items = { title = "Items", entity = "item", direction = "pull", mapping = "acme/item",
      run = function(conn) ${code} conn:emit(conn:get("/parts"), "parts") end },
  },
}
`;
const mapping = (code) => `\
local map = require "tenon.map"
return map {
  reads = "acme.item", writes = "item", key = "partNumber",
  set = { partNumber = map.from "no" :text() :required(), partName = function() ${code} end },
}
`;
const write = (site, where, code) => {
  const head = where.startsWith("a file") ? `${code}\n` : "";
  site.write("scripts/adapters/acme.lua", head + adapter(where === "an operation" ? code : ""));
  site.write("mappings/acme/item.lua", mapping(where === "a mapping" ? code : "return nil"));
};

// Five parts, whatever is asked for.
async function upstream(stage) {
  const parts = Array.from({ length: 5 }, (_, i) => ({ no: `A-${i}` }));
  const server = http.createServer((request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ parts }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stage.defer(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

// Requests of somebody else on the same worker, meanwhile (these are measured) and for some time after.
async function during(stage, tenon, what) {
  const load = new Load(tenon.port, {
    key: tenon.key,
    connections: 4,
    rate: RATE,
    next: () => ({ method: "GET", path: "/api/v1/items?limit=1" }),
  });
  stage.defer(() => load.stop());
  await load.more(5);
  load.times.length = 0;
  const answer = await what(load);
  const beside = load.sum();
  await load.more(AFTER, 60_000);
  const sum = await load.stop();
  assert.deepEqual([sum.cut, sum.unanswered, sum.refused], [0, 0, 0], JSON.stringify(sum));
  assert.deepEqual(Object.keys(sum.statuses), ["200"]);
  return { beside, answer, times: load.times.slice(0, beside.counted) };
}

// What sets the hog off, and its answer.
async function provoke(tenon, where) {
  if (where === "a file that is loaded") return tenon.rest.send("POST", "/scripts/reload");
  if (where === "a file that is previewed") return tenon.rest.send("POST", "/scripts/preview", {});
  return tenon.rest.send("POST", "/integrations/acme/sync", { operation: "sync_items" });
}

const told = ({ p50, p99, max, counted }) =>
  `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, slowest ${max.toFixed(1)} ms of ${counted}`;

story(
  "a hog on the only worker ends as an error of its own, and its neighbours are answered meanwhile",
  async (stage) => {
    const site = stage.site();
    write(site, "nowhere", "");
    const { tenon } = await stage.plant({ items: 40, site, workers: 1 });
    await tenon.rest.create({
      name: "acme",
      displayName: "Acme",
      type: "ERP",
      integrationType: "acme",
      enabled: true,
      config: { baseUrl: await upstream(stage) },
    });
    await tenon.rest.sync("fusion");
    const idle = () => during(stage, tenon, (load) => load.more(RATE));
    const all = { quiet: [], beside: [] };
    for (const [where, what, code] of hogs) {
      write(site, where, code);
      if (!where.startsWith("a file")) await tenon.rest.want(200, "POST", "/scripts/reload");
      const quiet = BENCH || !all.quiet.length ? await idle() : null;
      const { beside, answer, times } = await during(stage, tenon, () => provoke(tenon, where));
      assert.notEqual(answer.body.status, "SUCCESS", `${what}: ${answer.text}`);
      assert.match(answer.text, /CPU time|memory limit|overran its budget/, `${what}: ${answer.text}`);
      if (quiet) stage.note(`nothing: ${told(quiet.beside)}`);
      stage.note(`${what} in ${where}: ${told(beside)}`);
      if (quiet) all.quiet.push(...quiet.times);
      all.beside.push(...times);
      if (where === "a mapping")
        assert.deepEqual((await tenon.rest.get("/status")).quarantine, ["integrations:acme"], what);
    }
    stage.note(`all requests beside nothing: ${told(spread(all.quiet))}`);
    const beside = spread(all.beside);
    assert.ok(beside.counted >= 2 * hogs.length, `${beside.counted} requests beside hogs`);
    stage.note(`all requests beside hogs: ${told(beside)}`);
    // Whoever holds the loop for a budget makes half of the requests wait for half of that.
    assert.ok(beside.p50 < 100, told(beside));
    assert.equal(tenon.children("worker").length, 1);
    assert.equal(await tenon.restarts(), 0);
  },
  { timeout: 240_000 },
);
