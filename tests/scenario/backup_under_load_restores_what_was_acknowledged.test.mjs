// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { integration, story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";
import { waitFor } from "../harness/wait.mjs";

story("a backup made under load restores to a server that has it all", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 200 });
  await tenon.rest.sync("fusion");
  const folder = stage.folder("backups");
  const file = join(folder, "one.db");

  // writes go on while the copy is made
  let going = true;
  const written = [];
  const writer = (async () => {
    for (let i = 0; going; i++) {
      const name = `line-${i}`;
      await tenon.rest.want(201, "POST", "/integrations", integration(fusion, { name }));
      written.push(name);
    }
  })();
  await Promise.race([writer, waitFor("some writes", () => written.length >= 3)]);
  const before = [...written];
  const made = await tenon.command(["backup", file]);
  going = false;
  await writer;
  assert.equal(made.code, 0, made.output);
  assert.ok(written.length > before.length, "writes went on meanwhile");
  assert.match(made.stdout, /one\.db: \d+ bytes, checked/);
  assert.match(made.stderr, /master key is not in it/);

  const again = await tenon.command(["backup", file]);
  assert.equal(again.code, 1, "a file that is there is not written over");
  assert.match(again.stderr, /there is a file by this name/);
  const remote = await tenon.rest.send("POST", "/backup", { path: join(folder, "remote.db") });
  assert.equal(remote.status, 403, "files of the server's machine are not for the network");
  assert.ok(!existsSync(join(folder, "remote.db")));

  // tried out beside the running server, which it leaves alone
  const tried = await command(["restore", file, "--verify"], { data: tenon.data });
  assert.equal(tried.code, 0, tried.output);
  assert.match(tried.stdout, /sound, and a server starts on it/);
  assert.match(tried.stdout, /^items +200 +200$/m);
  const busy = await command(["restore", file, "--force"], { data: tenon.data });
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, /in use/);

  await tenon.stop();
  const kept = await command(["restore", file], { data: tenon.data });
  assert.equal(kept.code, 1);
  assert.match(kept.stderr, /--force/);
  const done = await command(["restore", file, "--force"], { data: tenon.data });
  assert.equal(done.code, 0, done.output);
  assert.ok(readdirSync(tenon.data).includes("tenon.db.replaced"));
  await tenon.start();
  assert.equal(await tenon.rest.itemCount(), 200);
  for (const name of before) await tenon.rest.want(200, "GET", `/integrations/${name}`);
});

story("a damaged backup is refused and the folder stays as it was", async (stage) => {
  const { tenon } = await stage.plant({ items: 50 });
  await tenon.rest.sync("fusion");
  const file = join(stage.folder("backups"), "one.db");
  assert.equal((await tenon.command(["backup", file])).code, 0);
  await tenon.stop();
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 8192 * 3, 8192 * 6);
  writeFileSync(file, bytes);
  for (const args of [["--verify"], ["--force"], []]) {
    const end = await command(["restore", file, ...args], { data: tenon.data });
    assert.equal(end.code, 1, end.output);
    assert.match(end.stderr, /one\.db/);
  }
  const nothing = await command(["restore", `${file}.none`], { data: tenon.data });
  assert.equal(nothing.code, 1);
  await tenon.start();
  assert.equal(await tenon.rest.itemCount(), 50);
});
