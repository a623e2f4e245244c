// SPDX-License-Identifier: MIT
// The short form runs with every test; ./dev bench reload runs the whole: 200 reloads in 20 seconds
// under 2,000 requests a second, and with --long the same for 30 minutes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Load } from "../harness/load.mjs";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { pause, waitFor } from "../harness/wait.mjs";

const seconds = Number(process.env.STORM_SECONDS ?? 5);
const perSecond = Number(process.env.STORM_RELOADS ?? 10);
const rate = Number(process.env.STORM_RATE ?? 800);
const measured = Boolean(process.env.STORM_RSS); // not under a sanitizer, which keeps what is freed
const items = 300;

const name = (n) => mapping({ partName: `map.const "version ${n}"` });
const rss = (tenon) =>
  tenon
    .children("worker")
    .map(({ pid }) => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]))
    .reduce((a, b) => a + b, 0);

// The isolates that each worker has, by its number; asks until each of two has answered.
async function isolates(tenon) {
  const alive = new Map();
  await waitFor("an answer of each worker", async () => {
    tenon.rest.agent.destroy();
    const answer = await tenon.rest.get("/scripts/isolates");
    alive.set(answer.worker, answer.alive - answer.isolates.length);
    return alive.size === 2;
  });
  return [...alive.values()];
}

// Syncs as often as it can until it is told to end; each one has to succeed.
async function syncing(tenon, state) {
  const seen = { runs: 0, records: 0 };
  while (!state.over) {
    const answer = await tenon.rest.sync("fusion");
    assert.equal(answer.status, "SUCCESS", JSON.stringify(answer));
    assert.equal(answer.recordsProcessed, items);
    assert.equal(answer.recordsCreated, 0, "no record twice");
    seen.runs++;
    seen.records += answer.recordsUpdated;
  }
  return seen;
}

story(
  `${seconds * perSecond} reloads, some broken, under requests and syncs: nothing fails, nothing is lost`,
  async (stage) => {
    const site = stage.site();
    site.write(mappingFile, name(0));
    const { tenon } = await stage.plant({ items, site });
    await tenon.rest.sync("fusion");
    const ids = (await tenon.rest.allItems()).map((item) => item.id);
    const load = new Load(tenon.port, {
      key: tenon.key,
      connections: 24,
      rate,
      next: (i) => ({ method: "GET", path: `/api/v1/items/${ids[i % ids.length]}` }),
    });
    stage.defer(() => load.stop());
    await load.more(200);
    const before = rss(tenon);
    const state = { over: false };
    const syncs = syncing(tenon, state);
    syncs.catch(() => {}); // it is awaited below

    let reloads = 0;
    const took = [];
    const memory = []; // after each tenth of the time
    const began = performance.now();
    while (performance.now() - began < seconds * 1000) {
      const n = ++reloads;
      site.write(mappingFile, n % 5 ? name(n % 50) : "return map {");
      const asked = performance.now();
      const answer = await tenon.rest.send("POST", "/scripts/reload");
      took.push(performance.now() - asked);
      assert.equal(answer.status, n % 5 ? 200 : 422, answer.text);
      if (performance.now() - began > ((memory.length + 1) * seconds * 1000) / 10) memory.push(rss(tenon));
      await pause(Math.max(0, began + (n * 1000) / perSecond - performance.now()));
    }
    state.over = true;
    const { runs, records } = await syncs;
    const sum = await load.stop();
    took.sort((a, b) => a - b);
    stage.note(
      `${reloads} reloads (median ${took[took.length >> 1].toFixed(1)} ms, slowest ${took.at(-1).toFixed(1)} ms), ` +
        `${sum.perSecond.toFixed(0)} requests/s (p99 ${sum.p99.toFixed(1)} ms), ` +
        `${runs} syncs that updated ${records} records`,
    );
    assert.deepEqual([sum.cut, sum.unanswered, sum.refused], [0, 0, 0], JSON.stringify(sum));
    assert.deepEqual(Object.keys(sum.statuses), ["200"]);
    const least = measured ? 0.9 : 0.25; // of what is wanted; a sanitizer takes its time
    assert.ok(reloads > seconds * perSecond * least && runs > 0, `${reloads} reloads, ${runs} syncs`);
    assert.ok(sum.perSecond > rate * least, `${sum.perSecond} requests/s`);

    site.write(mappingFile, name("last"));
    await tenon.rest.want(200, "POST", "/scripts/reload");
    await tenon.rest.sync("fusion");
    const found = await tenon.rest.allItems();
    assert.equal(found.length, items);
    assert.equal(new Set(found.map((item) => item.partNumber)).size, items, "none is doubled");
    assert.ok(found.every((item) => item.partName === "version last"));
    await waitFor("no isolate of an older generation", async () =>
      (await isolates(tenon)).every((more) => more === 0),
    );
    assert.equal(tenon.children("worker").length, 2);
    if (measured) {
      const after = rss(tenon);
      const told = `${before} kB before, ${memory.join(", ")} kB after each tenth, ${after} kB after`;
      stage.note(`workers: ${told}`);
      assert.ok(after < before + 16 * 1024, told);
      // It finds its level early, and keeps it.
      if (seconds >= 600) assert.ok(after < Math.max(...memory.slice(0, 3)) * 1.1, told);
    }
  },
  { timeout: 60_000 + seconds * 3000 },
);
