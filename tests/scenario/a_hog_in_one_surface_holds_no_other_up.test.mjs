// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Load } from "../harness/load.mjs";
import { story } from "../harness/story.mjs";

const surface = (path, code) => `local tn = require "tenon"
return tn.surface { path = "${path}", routes = {
  tn.route { "GET", "/on", function() ${code} return 200, { ok = true } end },
} }
`;
const hogs = [
  ["an endless loop", "while true do end"],
  ["a table flood", "local t = {} while true do t[#t + 1] = {} end"],
  ["a huge text", 'local s = "x" while true do s = s .. s end'],
  ["a pattern that backtracks", '(("a"):rep(40000)):match((".-"):rep(30) .. "b")'],
  ["what nothing can interrupt", "load(function() while true do end end)"],
];

story("requests of a surface neither wait nor fail while another one is a hog", async (stage) => {
  const site = stage.site();
  site.write("scripts/surfaces/calm.lua", surface("/calm", "local t = {} for i = 1, 100 do t[i] = { i } end"));
  hogs.forEach(([, code], i) => site.write(`scripts/surfaces/hog${i}.lua`, surface(`/hog${i}`, code)));
  const tenon = await stage.tenon({ site, workers: 1 });
  const load = new Load(tenon.port, {
    key: tenon.key,
    connections: 2,
    rate: 100,
    next: () => ({ method: "GET", path: "/calm/on" }),
  });
  stage.defer(() => load.stop());
  await load.more(20);
  load.times.length = 0;
  for (const [i, [what]] of hogs.entries()) {
    // Twice at once: one waits for the isolate that the other has, and nobody else does.
    const answers = await Promise.all([1, 2].map(() => tenon.rest.send("GET", `//hog${i}/on`)));
    for (const { status, text } of answers) assert.equal(status, 500, `${what}: ${text}`);
  }
  await load.more(20);
  const sum = await load.stop();
  assert.deepEqual([sum.cut, sum.unanswered, sum.refused], [0, 0, 0], JSON.stringify(sum));
  assert.deepEqual(Object.keys(sum.statuses), ["200"]);
  stage.note(`p50 ${sum.p50.toFixed(1)} ms, p99 ${sum.p99.toFixed(1)} ms of ${sum.counted}`);
  // Whoever shared an isolate with them would wait for half of their budget of a second.
  assert.ok(sum.p50 < 100, JSON.stringify(sum));
});

story("each surface is a unit: its own generation, history and roll back", async (stage) => {
  const answer = (n) => surface("/one", `do return 200, { n = ${n} } end`);
  const site = stage.site();
  site.write("scripts/surfaces/one.lua", answer(1));
  site.write("scripts/surfaces/two.lua", surface("/two", ""));
  const tenon = await stage.tenon({ site, workers: 2 });
  const units = async () =>
    Object.fromEntries((await tenon.rest.get("/scripts")).units.map((u) => [u.unit, u.generation]));
  const before = await units();
  site.write("scripts/surfaces/one.lua", answer(2));
  const { changed } = await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(changed.map((c) => c.unit), ["surfaces:one"]);
  const after = await units();
  assert.deepEqual(after, { ...before, "surfaces:one": after["surfaces:one"] });
  const history = await tenon.command(["generations", "surfaces:one"]);
  assert.match(history.stdout, new RegExp(`^\\* ${after["surfaces:one"].slice(0, 12)}`));
  assert.equal(history.stdout.trim().split("\n").length, 2, history.stdout);

  const back = await tenon.command(["rollback", "surfaces:one", before["surfaces:one"].slice(0, 12)]);
  assert.equal(back.code, 0, back.stderr);
  assert.deepEqual(await tenon.rest.want(200, "GET", "//one/on"), { n: 1 });
  await tenon.stop();
  await tenon.start();
  assert.deepEqual(await tenon.rest.want(200, "GET", "//one/on"), { n: 1 }, "also after a restart");
  site.write("scripts/surfaces/one.lua", answer(3));
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(await tenon.rest.want(200, "GET", "//one/on"), { n: 3 });
});
