// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { integration, story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// A small disk of its own, which root alone may mount.
function smallDisk(stage, path, size) {
  mkdirSync(path, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path], { stdio: "pipe" });
  const leave = () => {
    try {
      execFileSync("umount", ["-l", path], { stdio: "pipe" });
    } catch {
      /* it is gone already */
    }
  };
  process.once("exit", leave);
  stage.defer(leave);
}

// A neighbour takes what room is left.
function fill(path) {
  const file = openSync(path, "w");
  for (let size = 65536; size >= 512; size /= 2) {
    const block = Buffer.alloc(size, "x");
    try {
      for (;;) writeSync(file, block);
    } catch (error) {
      assert.equal(error.code, "ENOSPC");
    }
  }
  closeSync(file);
}

// Writes until one is refused for want of room; then reads still work.  roomAgain: the store may make
// room by itself (its log goes back into the database), so a small write may succeed right after.
async function refuses(tenon, fusion, tag, { roomAgain = false } = {}) {
  const made = [];
  const answer = await waitFor(
    "a refused write",
    async () => {
      const name = `${tag}-${made.length}`;
      const one = await tenon.rest.send("POST", "/integrations", integration(fusion, { name }));
      if (one.status !== 201) return one;
      made.push(name);
      return null;
    },
    { every: 0, within: 25_000 },
  );
  assert.ok([503, 507].includes(answer.status), answer.text);
  const run = await tenon.rest.send("POST", "/integrations/fusion/sync", {
    operation: "sync_items",
  });
  const refused = [503, 507].includes(run.status) || run.body.success === false;
  assert.ok(refused || (roomAgain && run.body.success === true), run.text);
  for (let i = 0; i < 10; i++) assert.equal(await tenon.rest.itemCount(), 40);
  await tenon.rest.get("/integrations/fusion");
  return made;
}

async function recovers(tenon, fusion, made) {
  await waitFor(
    "room again",
    async () =>
      (await tenon.rest.send("POST", "/integrations", integration(fusion, { name: "after" })))
        .status === 201,
    { every: 100 },
  );
  fusion.items.edit(1, { ItemDescription: '"after"' });
  assert.equal((await tenon.rest.sync("fusion")).status, "SUCCESS");
  await tenon.killGroup();
  await tenon.start();
  const present = new Set((await tenon.rest.get("/integrations")).map((row) => row.name));
  for (const name of [...made, "after"]) assert.ok(present.has(name), `${name} was acknowledged`);
  assert.equal((await tenon.rest.item("PN-000002")).partName, "after");
}

story(
  "a full disk: writes are refused, reads go on, and it works again when there is room",
  async (stage) => {
    const disk = join(stage.scratch, "disk");
    smallDisk(stage, disk, "24m");
    const { fusion, tenon } = await stage.plant({ items: 40, data: join(disk, "data") });
    await tenon.rest.sync("fusion");
    fill(join(disk, "neighbour"));
    const made = await refuses(tenon, fusion, "full");
    rmSync(join(disk, "neighbour"));
    await recovers(tenon, fusion, made);
  },
  { skip: process.getuid() !== 0 && "only root can mount a small disk" },
);

// RLIMIT_FSIZE on the store process: its files may not grow beyond what the largest is now.
story(
  "files that may not grow: writes are refused, reads go on, and it works again",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 40 });
    await tenon.rest.sync("fusion");
    const largest = Math.max(
      ...readdirSync(tenon.data).map((name) => statSync(join(tenon.data, name)).size),
    );
    const [store] = tenon.children("store");
    const limit = (size) =>
      execFileSync("prlimit", ["--pid", String(store.pid), `--fsize=${size}`]);
    limit(`${largest + 65536}:unlimited`);
    const made = await refuses(tenon, fusion, "limited", { roomAgain: true });
    assert.equal(tenon.children("store")[0].pid, store.pid, "the store lives through it");
    limit("unlimited:unlimited");
    await recovers(tenon, fusion, made);
  },
);
