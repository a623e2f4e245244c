// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { faults } from "../fakes/fusion.mjs";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

story("tenon sync, reload and key work over the socket of the data folder", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping());
  const { fusion, tenon } = await stage.plant({ items: 30, site });

  const dry = await tenon.command(["sync", "fusion", "sync_items", "--dry-run", "--json"]);
  assert.deepEqual([dry.code, dry.json.recordsCreated], [0, 30], dry.output);
  assert.equal(await tenon.rest.itemCount(), 0);

  const json = await tenon.command(["sync", "fusion", "sync_items", "--json"]);
  assert.equal(json.code, 0, json.output);
  assert.equal(json.json.recordsCreated, 30);
  const text = await tenon.command([
    "sync",
    "fusion",
    "sync_items",
    "--filter",
    "organizationCode=M2",
  ]);
  assert.equal(text.code, 0, text.output);
  assert.match(text.stdout, /^SUCCESS +10 records: 0 created, 0 updated, 10 unchanged, 0 failed/);
  assert.equal(fusion.pages.at(-1).query.organizationCode, "M2");

  fusion.items.edit(2, { ItemNumber: undefined });
  const partial = await tenon.command(["sync", "fusion", "sync_items"]);
  assert.match(partial.output, /PARTIAL/);
  assert.match(partial.output, /partNumber/);
  fusion.fault("items", faults.html(), { times: Infinity });
  const failed = await tenon.command(["sync", "fusion", "sync_items"]);
  assert.equal(failed.code, 1, "a failed run says so in its exit code");
  assert.match(failed.output, /ERR_INVALID_RESPONSE/);
  fusion.heal();
  for (const args of [
    ["sync", "nobody", "sync_items"],
    ["sync", "fusion", "sync_moons"],
    ["sync", "fusion", "sync_items", "--filter", "plant=1"],
  ]) {
    const bad = await tenon.command(args);
    assert.notEqual(bad.code, 0, args.join(" "));
    assert.ok(
      bad.stderr.length > 0 && !bad.stderr.includes('{"error"'),
      `told in words: ${bad.stderr}`,
    );
  }

  site.write(mappingFile, mapping({ partName: 'map.const "x"' }));
  const reload = await tenon.command(["reload", "--json"]);
  assert.equal(reload.code, 0, reload.output);
  assert.ok(reload.json.changed.length >= 1);
  site.write(mappingFile, "return map {");
  const broken = await tenon.command(["reload"]);
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /mappings\/oracle_fusion\/item\.lua:\d+: /);

  const made = await tenon.command(["key", "create", "robot", "--role", "read_only"]);
  assert.equal(made.code, 0, made.output);
  const key = /tnn_live_\S+/.exec(made.stdout)[0];
  await tenon.rest.want(200, "GET", "/items", undefined, { authorization: `Bearer ${key}` });

  const told = async (why) => {
    const off = await tenon.command(["sync", "fusion", "sync_items"]);
    assert.equal(off.code, 1);
    assert.match(off.stderr, /^tenon: no server runs on .*: start one with tenon serve/);
    assert.match(off.stderr, why);
  };
  await tenon.stop();
  for (const name of ["tenon.sock", "store.sock"])
    assert.ok(!existsSync(join(tenon.data, name)), `${name} is removed at a clean stop`);
  await told(/there is no .*tenon\.sock/);
  await tenon.start();
  await tenon.killGroup();
  assert.ok(existsSync(join(tenon.data, "tenon.sock")));
  await told(/nobody listens on .*tenon\.sock/);
});

story("misuse of the command line is exit code 2 with a hint", async (stage) => {
  const { command } = await import("../harness/tenon.mjs");
  const data = stage.folder("data");
  const misused = async (args, code) => {
    const end = await command(args[0] === "serve" ? [...args, "--data", data] : args, {
      timeout: 10_000,
    });
    assert.equal(end.code, code, `${args.join(" ")}: ${end.code} ${end.output}`);
    assert.ok(end.stderr.length > 0, args.join(" "));
  };
  for (const args of [
    ["fly"],
    ["sync"],
    ["sync", "one"],
    ["key", "burn"],
    ["serve", "--colour", "red"],
    ["serve", "--workers", "many"],
  ])
    await misused(args, 2);
  for (const args of [
    ["serve", "--listen", "nowhere"],
    ["serve", "--allow-net", "300.0.0.0/8"],
    ["serve", "--site", "/nowhere"],
  ])
    await misused(args, 1);
  const help = await command(["--help"]);
  assert.equal(help.code, 0);
  for (const word of ["serve", "check", "map", "sync", "reload", "key", "version"])
    assert.match(help.stdout, new RegExp(word));
});

story("each command says what it takes", async () => {
  const { command } = await import("../harness/tenon.mjs");
  const all = (await command(["help"])).stdout;
  const names = [...all.matchAll(/^ {2}tenon (\w+)/gm)].map((found) => found[1]);
  assert.ok(names.length > 10);
  for (const name of names) {
    const help = await command([name, "--help"]);
    assert.equal(help.code, 0, help.output);
    assert.equal(help.stderr, "", name);
    const [usage] = help.stdout.split("\n");
    assert.ok(usage.startsWith(`usage: tenon ${name}`), usage);
    const options = [...help.stdout.matchAll(/^ {2}--([\w-]+)/gm)].map((found) => found[1]);
    for (const [, used] of usage.matchAll(/--([\w-]+)/g))
      assert.ok(options.includes(used), `${name} --${used}`);
  }
  const map = (await command(["map", "-h"])).stdout;
  const [usage] = map.split("\n");
  for (const [, option] of map.matchAll(/^ {2}--([\w-]+)/gm))
    if (option !== "pages") assert.ok(usage.includes(`--${option}`), option);
});
