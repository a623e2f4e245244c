// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { root } from "../harness/tenon.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const item = "scripts/resources/item.lua";
const shipped = readFileSync(join(root, item), "utf8");
// Of all items in an organization one would be left.
const clashing = shipped.replace(/key {4}= \{.*\}/, 'key    = { "organizationCode" }');
const name = (text) => mapping({ partName: `map.const "${text}"` });
const put = (tenon, path, text) =>
  tenon.rest.send("PUT", `/scripts/files/${path}`, text, { "content-type": "text/plain" });
const remove = (tenon, path) => tenon.rest.send("DELETE", `/scripts/files/${path}`);

story("a resource whose table cannot be made is refused and not written", async (stage) => {
  const site = stage.site();
  const { tenon } = await stage.plant({ items: 20, site });
  await tenon.rest.sync("fusion");
  const answer = await put(tenon, item, clashing);
  assert.equal(answer.status, 409, answer.text);
  assert.match(answer.body.error.message, /keeps its shape/);
  assert.ok(!existsSync(join(site.path, item)), "it is not in the folder");
  await tenon.rest.want(200, "POST", "/scripts/reload");

  const own = shipped.replace("return", "-- our own\nreturn");
  assert.equal((await put(tenon, item, own)).status, 200);
  assert.equal((await put(tenon, item, clashing)).status, 409);
  assert.equal(site.read(item), own, "what was there is there");
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.equal(await tenon.rest.itemCount(), 20);
});

// The second change that a worker commits is the first after the start.
const failing = (how) => ({ workers: 1, env: { TENON_FAULTS: `generations.commit=${how}` } });

story("a change that fails when it is stored leaves the folder as it was", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, name("there"));
  const tenon = await stage.tenon({ site, ...failing("fail:2+") });
  for (const answer of [
    await put(tenon, mappingFile, name("new")),
    await put(tenon, "scripts/lib/new.lua", "return {}"),
    await remove(tenon, mappingFile),
  ])
    assert.equal(answer.status, 503, answer.text);
  assert.equal(site.read(mappingFile), name("there"));
  assert.ok(!existsSync(join(site.path, "scripts/lib/new.lua")));
  const { changed } = await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(changed, []);
});

// Here the store itself says no, some turns after it was asked: to the tables of the change, or to its
// commit, as the count of commits is even or odd.
for (const nth of [12, 13]) {
  story(`a change that the store refuses at commit ${nth} leaves the folder as it was`, async (stage) => {
    const site = stage.site();
    site.write(mappingFile, name("there"));
    const env = { TENON_FAULTS: `store.commit=fail:${nth}` };
    const tenon = await stage.tenon({ site, workers: 1, env });
    let served = name("there");
    let answer;
    for (let n = 0; n < nth && answer?.status !== 503; n++) {
      answer = await put(tenon, mappingFile, name(`new ${n}`));
      if (answer.status === 200) served = name(`new ${n}`);
      assert.equal(site.read(mappingFile), served);
    }
    assert.equal(answer.status, 503, answer.text);
    assert.match(answer.body.error.message, /the disk failed/);
    assert.equal((await put(tenon, mappingFile, name("last"))).status, 200, "nothing is left half way");
    assert.equal(site.read(mappingFile), name("last"));
  });
}

story("a worker that dies in the middle of a change leaves a folder that serves", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, name("there"));
  const tenon = await stage.tenon({ site, ...failing("crash:2") });
  const unit = async () => (await tenon.rest.get("/scripts")).units.find((u) => u.unit === "oracle_fusion");
  const before = (await unit()).generation;
  await assert.rejects(put(tenon, mappingFile, name("new")));
  await waitFor("another worker", () => tenon.children("worker").length === 1);
  await tenon.ready();
  assert.equal((await unit()).generation, before, "what was not answered does not serve by itself");
  assert.equal(site.read(mappingFile), name("new"));
  const { changed } = await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(changed.map((c) => c.unit), ["oracle_fusion"]);
});

story("a start with a table that cannot be made goes on with what served last", async (stage) => {
  const site = stage.site();
  const { tenon } = await stage.plant({ items: 20, site });
  await tenon.rest.sync("fusion");
  const { units } = await tenon.rest.get("/scripts");
  await tenon.stop();
  site.write(item, clashing);
  await tenon.start();
  await tenon.logged(/the site folder is not taken, so what served last goes on: .*keeps its shape/);
  assert.deepEqual((await tenon.rest.get("/scripts")).units, units);
  assert.equal(await tenon.rest.itemCount(), 20);
});

story("a file of the folder that is refused is named once", async (stage) => {
  const site = stage.site();
  const tenon = await stage.tenon({ site });
  mkdirSync(join(site.path, "scripts/lib"), { recursive: true });
  symlinkSync("/etc/hostname", join(site.path, "scripts/lib/x.lua"));
  const told = await tenon.command(["reload"]);
  assert.equal(told.code, 1);
  assert.match(told.stderr, /^tenon: scripts\/lib\/x\.lua: symbolic links/);
});
