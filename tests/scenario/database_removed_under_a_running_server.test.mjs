// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync, renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { integration, story } from "../harness/story.mjs";

const make = (tenon, fusion, name) =>
  tenon.rest.send("POST", "/integrations", integration(fusion, { name }));

story("a database that is taken away while it runs: nothing more is acknowledged", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 20 });
  await tenon.rest.sync("fusion");
  const db = join(tenon.data, "tenon.db");
  renameSync(db, `${db}.away`);
  for (let i = 0; i < 5; i++) {
    const refused = await make(tenon, fusion, `lost-${i}`);
    assert.equal(refused.status, 503, refused.text);
    assert.match(refused.body.error.message, /removed while Tenon runs/);
  }
  assert.ok(!existsSync(db), "no empty one was put in its place");
  await tenon.killGroup();
  renameSync(`${db}.away`, db);
  await tenon.start();
  assert.equal(await tenon.rest.itemCount(), 20, "put back, it is all there");
});

story("a log that is removed while it runs: what was acknowledged survives a crash", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 20 });
  await tenon.rest.sync("fusion");
  const acknowledged = ["fusion"];
  for (let i = 0; i < 13; i++) {
    const made = await make(tenon, fusion, `kept-${i}`);
    assert.equal(made.status, 201, made.text);
    assert.equal(made.body.name, `kept-${i}`);
    acknowledged.push(`kept-${i}`);
    assert.equal((await tenon.rest.get("/integrations")).length, acknowledged.length);
    assert.equal(await tenon.rest.itemCount(), 20);
    if (i === 2) {
      assert.equal(acknowledged.length, 4, "these lie in the log alone");
      unlinkSync(join(tenon.data, "tenon.db-wal"));
    }
  }
  await tenon.killGroup();
  await tenon.start();
  const names = (await tenon.rest.get("/integrations")).map((row) => row.name);
  for (const name of acknowledged) assert.ok(names.includes(name), `${name} was acknowledged`);
  assert.equal(await tenon.rest.itemCount(), 20);
});
