// SPDX-License-Identifier: MIT
// tests/fixtures/data-0.1.0 was written by 0.1.0: two syncs of 12 items, in the second of which one item
// failed, an event from outside and a key.  seen.json is what its API said.
import assert from "node:assert/strict";
import {
  chmodSync, closeSync, copyFileSync, existsSync, openSync, readFileSync, rmSync, writeFileSync, writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { inGroup, killGroup, launch } from "../harness/process.mjs";
import { integration, story } from "../harness/story.mjs";
import { binary, root, Tenon } from "../harness/tenon.mjs";
import { waitFor } from "../harness/wait.mjs";

const fixture = join(root, "tests/fixtures/data-0.1.0");
const seen = JSON.parse(readFileSync(join(fixture, "seen.json"), "utf8"));
const rounds = +(process.env.TENON_UPGRADE_ROUNDS ?? 20);

function folder(stage, name) {
  rmSync(join(stage.scratch, name), { recursive: true, force: true });
  const data = stage.folder(name);
  for (const key of ["admin.key", "master.key"]) {
    copyFileSync(join(fixture, key), join(data, key));
    chmodSync(join(data, key), 0o600);
  }
  writeFileSync(join(data, "tenon.db"), gunzipSync(readFileSync(join(fixture, "tenon.db.gz"))));
  return data;
}

// All that 0.1.0 showed is shown.
async function allIsThere(tenon) {
  const { rest } = tenon;
  const { items } = await rest.get("/items?limit=100");
  assert.deepEqual(items.map((item) => item.id), seen.items.map((item) => item.id));
  for (const [i, item] of seen.items.entries())
    for (const [name, value] of Object.entries(item)) assert.deepEqual(items[i][name], value, name);
  assert.deepEqual(await rest.get("/integrations/fusion"), seen.integration, "its config opens");
  assert.deepEqual(await rest.get("/integrations/fusion/logs"), seen.logs);
  const run = await rest.run("fusion", seen.run.id);
  for (const [name, value] of Object.entries(seen.run)) assert.deepEqual(run[name], value, name);
  const robot = { authorization: `Bearer ${seen.key}` };
  assert.equal((await rest.send("GET", "/items", undefined, robot)).status, 200, "its key opens");
  assert.equal((await rest.send("GET", "/keys", undefined, robot)).status, 403);
  const { audit } = await rest.get("/audit?limit=100");
  assert.ok(audit.some((row) => row.action === "integration.create"));
  const [event] = (await rest.get("/inbound")).inbound;
  assert.deepEqual([event.integration, event.status], [seen.integration.id, "IGNORED"]);
}

// Every item is linked, and the totals go on from what the runs of 0.1.0 add up to.
async function aSyncGoesOn(stage, tenon) {
  const { rest } = tenon;
  const upstream = await stage.fusion({ items: seen.items.length });
  // The secrets are given again, because the upstream is at another address now.
  const { config } = integration(upstream, { config: { webhookSecret: "a secret of more than 32 characters" } });
  assert.equal((await rest.send("PUT", "/integrations/fusion", { config })).status, 200);
  const answer = await rest.sync("fusion");
  assert.deepEqual([answer.recordsProcessed, answer.recordsCreated, answer.recordsFailed], [seen.items.length, 0, 0]);
  const { items } = await rest.get("/items?limit=100");
  assert.deepEqual(items.map((item) => item.id), seen.items.map((item) => item.id));
  const now = await rest.get("/integrations/fusion");
  const was = seen.integration;
  assert.deepEqual([now.totalSyncs, now.successCount, now.failureCount], [was.totalSyncs + 1, was.successCount + 1, 0]);
  assert.equal(now.lastSyncStatus, "SUCCESS");
  assert.ok(now.lastSync > was.lastSync);
  const [listed] = await rest.get("/integrations");
  for (const name of ["totalSyncs", "successCount", "failureCount", "lastSync", "lastSyncStatus"])
    assert.equal(listed[name], now[name], name);
}

story("a data folder of 0.1.0 opens and all of it is readable", async (stage) => {
  const tenon = stage.unstarted({ data: folder(stage, "old") });
  await tenon.start();
  await allIsThere(tenon);
  await tenon.stop();
  await tenon.start();
  await allIsThere(tenon);
  const doctor = await tenon.command(["doctor"]);
  assert.equal(doctor.code, 0, doctor.output);
  await aSyncGoesOn(stage, tenon);
});

story(
  "an upgrade that is killed at any moment ends right",
  async (stage) => {
    const data = folder(stage, "killed");
    const started = Date.now();
    let tenon = stage.unstarted({ data: folder(stage, "timed") });
    await tenon.start();
    const whole = Date.now() - started;
    await tenon.stop();
    for (let round = 0; round < rounds; round++) {
      const fresh = round % 2; // else it goes on with what the last kill left
      if (fresh) folder(stage, "killed");
      const run = launch(binary, new Tenon(data).arguments, { env: process.env });
      // The moment is the point; of a fresh folder it is soon after the store has begun.
      const log = join(data, "tenon.db-wal");
      if (fresh) await waitFor("the log of the store", () => existsSync(log), { every: 1 });
      await sleep(Math.random() * (fresh ? whole / 10 : whole));
      killGroup(run.pid);
      await run.ended;
      await waitFor("the end of its children", () => inGroup(run.pid).length === 0);
    }
    tenon = stage.unstarted({ data });
    await tenon.start();
    await allIsThere(tenon);
    await aSyncGoesOn(stage, tenon);
  },
  { timeout: 60_000 + rounds * 3000 },
);

story("a folder of a newer version is refused in clear words and left as it is", async (stage) => {
  const data = folder(stage, "newer");
  const file = join(data, "tenon.db");
  const versionAt = 60; // PRAGMA user_version in the header
  const fd = openSync(file, "r+");
  writeSync(fd, Buffer.from([0, 0, 0x03, 0xe7]), 0, 4, versionAt);
  closeSync(fd);
  const before = readFileSync(file);
  const tenon = stage.unstarted({ data });
  const { code, output } = await tenon.startFails();
  assert.notEqual(code, 0);
  assert.match(output, /tenon\.db: written by a newer version \(schema 999, this program knows \d+\)/);
  assert.match(output, /start that version, or restore a backup/);
  assert.deepEqual(readFileSync(file), before);
});
