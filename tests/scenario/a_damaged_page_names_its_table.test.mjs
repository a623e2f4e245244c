// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { integration, story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

const pageBytes = 8192;
const leafOfTable = 13; // the first byte of such a page

// Overwrites the pages of table items that hold the item; gives their number.
function damage(data, partNumber) {
  const file = join(data, "tenon.db");
  const bytes = readFileSync(file);
  let pages = 0;
  for (let at = pageBytes; at < bytes.length; at += pageBytes) {
    const page = bytes.subarray(at, at + pageBytes);
    if (page[0] !== leafOfTable || !page.includes(`"partNumber":"${partNumber}"`)) continue;
    page.fill(0xff);
    pages++;
  }
  writeFileSync(file, bytes);
  return pages;
}

const newItem = (n) => ({ externalId: `new-${n}`, partNumber: `NEW-${n}`, partName: "new" });

story("a damaged page turns readyz red with its table, and other tables go on", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 12 });
  const backup = join(stage.folder("backups"), "good.db");
  await tenon.rest.sync("fusion");
  const before = await tenon.rest.allItems();
  assert.equal((await tenon.command(["backup", backup])).code, 0);
  await tenon.stop();
  assert.equal(damage(tenon.data, "PN-000001"), 1);
  await tenon.start();
  await tenon.ready(); // nobody has met it yet
  const { rest } = tenon;

  const read = await rest.send("GET", "/items?limit=5");
  assert.equal(read.status, 500);
  assert.match(read.text, /ERR_DATABASE/);
  assert.match(read.text, /the table items has a damaged page .*other tables go on; tenon doctor .*tenon restore/);
  const ready = await rest.send("GET", "//readyz");
  assert.equal(ready.status, 503);
  assert.deepEqual(ready.body, {
    status: "not ready",
    reason: "the database has a damaged page in the table items: tenon doctor says what to do",
    damagedTables: ["items"],
  });
  assert.equal((await rest.send("GET", "//healthz")).status, 200);
  assert.equal((await rest.get("/integrations")).length, 1);
  assert.equal((await rest.get("/runs")).runs.length, 1);

  // At once, so that they share a transaction: what meets the page is refused, the others are done.
  const writes = [];
  for (let n = 0; n < 5; n++) {
    writes.push(rest.send("POST", "/items", newItem(n)));
    writes.push(rest.send("POST", "/integrations", integration(fusion, { name: `other-${n}` })));
  }
  const answers = await Promise.all(writes);
  assert.deepEqual(answers.map((answer) => answer.status), Array(5).fill([500, 201]).flat());
  assert.match(answers[0].text, /the table items has a damaged page/);
  assert.equal((await rest.get("/integrations")).length, 6);

  const metrics = (await rest.send("GET", "//metrics")).text;
  const [, met] = /^tenon_store_damaged_total\{table="items"\} (\d+)$/m.exec(metrics);
  assert.ok(+met >= 6, met);
  assert.equal(tenon.output.match(/damaged page/g).length, 1, "the log says it once");
  assert.match(tenon.output, /error .*the table items has a damaged page: .*tenon doctor/);

  const doctor = await tenon.command(["doctor"]);
  assert.equal(doctor.code, 1);
  assert.match(doctor.stdout, /fault +database .*damaged are the tables items /);
  assert.match(doctor.stdout, /-> stop Tenon; tenon restore FILE puts a backup in its place/);

  const copy = await tenon.command(["backup", `${backup}.damaged`]);
  assert.equal(copy.code, 1, "no backup of a damaged database");
  assert.match(copy.output, /malformed/);

  await tenon.stop();
  const restored = await command(["restore", backup, "--force"], { data: tenon.data });
  assert.equal(restored.code, 0, restored.output);
  await tenon.start();
  await tenon.ready();
  assert.deepEqual(await tenon.rest.allItems(), before, "no refused item came to be");
  assert.equal((await tenon.rest.send("GET", "//readyz")).status, 200);
});
