// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { integration, story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const names = ["fusion", "second", "third"];
const rounds = 8;

// What the rows of the runs add up to; null while one is under way.
async function sums(rest, name) {
  const of = async (query) => (await rest.get(`/integrations/${name}/logs?limit=1${query}`)).total;
  if (await of("&status=RUNNING")) return null;
  const success = await of("&status=SUCCESS");
  const partial = await of("&status=PARTIAL");
  const failure = await of("&status=FAILURE");
  const [last] = (await rest.get(`/integrations/${name}/logs?limit=100`)).logs
    .sort((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1));
  return {
    lastSync: last.finishedAt,
    lastSyncStatus: last.status,
    totalSyncs: success + partial + failure,
    successCount: success + partial,
    failureCount: failure,
  };
}

const totalsOf = (row) =>
  Object.fromEntries(
    ["lastSync", "lastSyncStatus", "totalSyncs", "successCount", "failureCount"].map((key) => [key, row[key]]),
  );

story("totals are the sums of the runs, whatever is killed while they end", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 20, workers: 2 });
  for (const name of names.slice(1)) await tenon.rest.create(integration(fusion, { name }));
  fusion.items.edit(3, { ItemNumber: null }); // each run is PARTIAL
  const nowhere = { retryAttempts: 0, fusionBaseUrl: "http://127.0.0.1:1" };
  await tenon.rest.create(integration(fusion, { name: "down", config: nowhere }));
  for (let round = 0; round < rounds; round++) {
    const asked = [...names, "down"].map((name) =>
      tenon.rest.startSync(name).catch(() => "it was busy, or what answers was killed"));
    await sleep(Math.random() * 60); // the moment is the point
    if (round % 4 === 3) {
      await tenon.killGroup();
      await Promise.all(asked);
      await tenon.start();
    } else {
      const [child] = tenon.children(round % 2 ? "worker" : "store");
      await tenon.replace(child);
      await Promise.all(asked);
      await tenon.ready();
    }
  }
  const { rest } = tenon;
  let all = 0;
  let failures = 0;
  for (const name of [...names, "down"]) {
    const expected = await waitFor("the end of its runs", () => sums(rest, name), { within: 60_000 });
    const row = await rest.get(`/integrations/${name}`);
    assert.deepEqual(totalsOf(row), expected, name);
    assert.equal(row.updatedAt, row.createdAt, "no run makes a version of the integration");
    const listed = (await rest.get("/integrations")).find((one) => one.name === name);
    assert.deepEqual(totalsOf(listed), expected, name);
    all += expected.totalSyncs;
    failures += expected.failureCount;
  }
  assert.ok(all >= rounds, `${all} runs`);
  assert.ok(failures > 0 && failures < all, `${failures} of ${all} failed`);
});
