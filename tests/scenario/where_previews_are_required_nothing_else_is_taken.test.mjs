// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { mapping, mappingFile, synced } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const named = (text) => mapping({ partName: `map.const "${text}"` });

const strict = (stage, options = {}) =>
  synced(stage, { items: 10, args: ["--require-preview"], ...options });

const servesName = async (tenon) => {
  await tenon.rest.sync("fusion");
  return (await tenon.rest.item("PN-000002")).partName;
};

story("a change serves only by the hash of its preview", async (stage) => {
  const { site, tenon } = await strict(stage);
  const plain = await servesName(tenon);
  site.write(mappingFile, named("one"));
  const error = await tenon.rest.refused(409, "CONFLICT", "POST", "/scripts/reload");
  assert.match(error.message, /tenon preview.*nobody has previewed/);
  const told = await tenon.command(["reload"]);
  assert.equal(told.code, 1);
  assert.match(told.stderr, /--require-preview/);
  assert.equal(await servesName(tenon), plain);

  // A preview of something else does not count, nor one whose hash nobody quotes.
  const other = await tenon.rest.want(200, "POST", "/scripts/preview", {
    files: { [mappingFile]: named("two") },
  });
  await tenon.rest.refused(409, "CONFLICT", "POST", "/scripts/activate", {
    generation: other.generation,
  });
  const { generation } = await tenon.rest.want(200, "POST", "/scripts/preview");
  await tenon.rest.refused(409, "CONFLICT", "POST", "/scripts/reload");
  assert.equal((await tenon.command(["reload", "--expect", generation])).code, 0);
  assert.equal(await servesName(tenon), "one");

  // Reloading what serves already is nothing new.
  await tenon.rest.want(200, "POST", "/scripts/reload");
});

story("a file over the API needs its preview too, and going back needs none", async (stage) => {
  const { tenon } = await strict(stage);
  const text = named("by the API");
  const file = `/scripts/files/${mappingFile}`;
  await tenon.rest.refused(409, "CONFLICT", "PUT", file, text, { "content-type": "text/plain" });
  const { generation } = await tenon.rest.want(200, "POST", "/scripts/preview", {
    files: { [mappingFile]: text },
  });
  await tenon.rest.want(200, "PUT", `${file}?expect=${generation}`, text, {
    "content-type": "text/plain",
  });
  assert.equal(await servesName(tenon), "by the API");
  const { generations } = await tenon.rest.get("/scripts/oracle_fusion/generations");
  await tenon.rest.want(200, "POST", "/scripts/oracle_fusion/rollback", {
    generation: generations[0].previous,
  });
  assert.notEqual(await servesName(tenon), "by the API");
});

story("neither a signal, nor a saved file, nor a restart gets round it", async (stage) => {
  const { site, tenon } = await strict(stage, { watch: true });
  const refusals = () => tenon.output.split("reload refused").length - 1;
  site.write(mappingFile, named("saved"));
  await waitFor("the saved file to be refused", () => refusals() >= 1);
  const before = refusals();
  process.kill(tenon.pid, "SIGHUP");
  await waitFor("the signal to be refused", () => refusals() > before);
  assert.notEqual(await servesName(tenon), "saved");
  await tenon.stop();
  await tenon.start();
  await tenon.logged(/the site folder is not taken, so what served last goes on/);
  assert.notEqual(await servesName(tenon), "saved");
  const { generation } = await tenon.rest.want(200, "POST", "/scripts/preview");
  await tenon.rest.want(200, "POST", "/scripts/activate", { generation });
  assert.equal(await servesName(tenon), "saved");
});

story("files that were previewed together are activated together", async (stage) => {
  const { site, tenon } = await strict(stage);
  site.write("scripts/lib/old.lua", "return {}\n");
  const library = "scripts/lib/names.lua";
  const files = {
    [library]: 'return { mine = "by two files" }\n',
    [mappingFile]: mapping({
      head: 'local names = require "lib.names"',
      partName: "map.const(names.mine)",
    }),
    "scripts/lib/old.lua": null,
  };
  const { generation } = await tenon.rest.want(200, "POST", "/scripts/preview", { files });
  const before = site.read(mappingFile);
  const other = { ...files, [library]: 'return { mine = "unseen" }\n' };
  await tenon.rest.refused(409, "CONFLICT", "POST", "/scripts/activate", { generation, files: other });
  assert.equal(site.read(mappingFile), before);
  assert.ok(!existsSync(join(site.path, library)));

  await tenon.rest.want(200, "POST", "/scripts/activate", { generation, files });
  assert.equal(await servesName(tenon), "by two files");
  for (const [path, text] of Object.entries(files))
    if (text === null) assert.ok(!existsSync(join(site.path, path)));
    else assert.equal(site.read(path), text);
  assert.deepEqual((await tenon.rest.want(200, "POST", "/scripts/reload")).changed, []);
});

story("the first digits of a preview's hash do everywhere", async (stage) => {
  const { site, tenon } = await strict(stage);
  site.write(mappingFile, named("one"));
  await tenon.rest.want(200, "POST", "/scripts/preview");
  const told = await tenon.command(["reload"]);
  const [, digits] = /tenon reload --expect (\S+)/.exec(told.stderr);
  const typed = await tenon.command(["reload", "--expect", digits]);
  assert.equal(typed.code, 0, typed.output);
  assert.equal(await servesName(tenon), "one");

  const put = async (text, digit) => {
    const files = { [mappingFile]: text };
    const { generation } = await tenon.rest.want(200, "POST", "/scripts/preview", { files });
    return tenon.rest.send("PUT", `/scripts/files/${mappingFile}?expect=${digit(generation)}`, text, {
      "content-type": "text/plain",
    });
  };
  assert.equal((await put(named("two"), (hash) => hash.slice(0, 8))).status, 200);
  assert.equal((await put(named("three"), (hash) => hash.slice(0, 7))).status, 422);
  assert.equal((await put(named("three"), (hash) => `${hash}0`)).status, 422);
  assert.equal((await put(named("three"), (hash) => hash.replace(/^./, "g"))).status, 422);
  assert.equal((await put(named("three"), () => "00000000")).status, 409);
  assert.equal(await servesName(tenon), "two");
});
