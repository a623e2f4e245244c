// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

const look = async (data) => {
  const end = await command(["doctor", "--json"], { data });
  const verdicts = Object.fromEntries(end.json.map((f) => [f.check, f]));
  return { code: end.code, verdicts };
};

story("doctor tells a sound folder from one that needs help, and changes neither", async (stage) => {
  const { tenon } = await stage.plant({ items: 20 });
  await tenon.rest.sync("fusion");

  const running = await look(tenon.data);
  assert.equal(running.code, 0, JSON.stringify(running.verdicts));
  assert.match(running.verdicts.server.finding, /runs/);
  assert.match(running.verdicts["master key"].finding, /fits/);
  const text = await command(["doctor"], { data: tenon.data });
  assert.match(text.stdout, /^ok +database +sound: \d+ tables, \d+ records/m);
  assert.match(text.stdout, /^0 faults/m);

  await tenon.stop();
  assert.match((await look(tenon.data)).verdicts.server.finding, /none runs/);

  const key = join(tenon.data, "master.key");
  renameSync(key, `${key}.away`);
  const missing = await look(tenon.data);
  assert.equal(missing.code, 1);
  assert.equal(missing.verdicts["master key"].verdict, "fault");
  writeFileSync(key, `${"5a".repeat(32).replace(/^5a/, "17")}c3`.slice(0, 64), { mode: 0o600 });
  const other = await look(tenon.data);
  assert.equal(other.verdicts["master key"].verdict, "fault");
  renameSync(`${key}.away`, key);

  chmodSync(tenon.data, 0o755);
  assert.equal((await look(tenon.data)).verdicts.folder.verdict, "warning");
  chmodSync(tenon.data, 0o700);

  const db = join(tenon.data, "tenon.db");
  const good = readFileSync(db);
  const bad = Buffer.from(good);
  bad.fill(0xa5, 8192 * 4, 8192 * 8);
  writeFileSync(db, bad);
  const damaged = await look(tenon.data);
  assert.equal(damaged.code, 1);
  assert.equal(damaged.verdicts.database.verdict, "fault");
  assert.match(damaged.verdicts.database.advice, /tenon restore/);
  writeFileSync(db, good);

  assert.equal((await look(tenon.data)).code, 0, "nothing was changed by looking");
  await tenon.start();
  assert.equal(await tenon.rest.itemCount(), 20);
  const nowhere = await look(join(tenon.data, "nowhere"));
  assert.equal(nowhere.code, 1);
});
