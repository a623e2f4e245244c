// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

const name = (text) => mapping({ partName: `map.const "${text}"` });
const at = `/scripts/files/${mappingFile}`;
const plain = { "content-type": "text/plain" };

story("a file that is put serves at once, is in the folder and in the history", async (stage) => {
  const site = stage.site();
  const { tenon } = await stage.plant({ items: 3, site });
  const { rest } = tenon;
  const shipped = await rest.send("GET", at);
  assert.equal(shipped.headers["x-script-from"], "shipped");

  const put = await rest.send("PUT", at, name("put"), { ...plain, "if-match": shipped.headers.etag });
  assert.equal(put.status, 200, put.text);
  assert.equal(site.read(mappingFile), name("put"));
  await rest.sync("fusion");
  assert.equal((await rest.item("PN-000001")).partName, "put");
  const got = await rest.send("GET", at);
  assert.deepEqual([got.text, got.headers["x-script-from"]], [name("put"), "site"]);
  const { files } = await rest.get("/scripts/files");
  assert.equal(files.find((f) => f.path === mappingFile).from, "site");
  const { generations } = await rest.get("/scripts/oracle_fusion/generations");
  assert.equal(generations.length, 2);

  const late = await rest.send("PUT", at, name("late"), { ...plain, "if-match": shipped.headers.etag });
  assert.equal(late.status, 409, late.text);
  assert.equal(site.read(mappingFile), name("put"));

  const gone = await rest.send("DELETE", at);
  assert.equal(gone.status, 200, gone.text);
  assert.ok(!existsSync(join(site.path, mappingFile)));
  assert.equal((await rest.send("GET", at)).text, shipped.text, "the shipped one counts again");
  assert.equal((await rest.send("DELETE", at)).status, 404);
});

// What this process makes, the Tenon that it starts is to make, too.
const mask = process.umask();
const modeOf = (...path) => statSync(join(...path)).mode & 0o777;

story("files of the site are as open as the umask says, those of the data folder private", async (stage) => {
  const site = stage.site();
  const { tenon } = await stage.plant({ items: 1, site });
  const put = await tenon.rest.send("PUT", at, name("put"), plain);
  assert.equal(put.status, 200, put.text);
  assert.equal(modeOf(site.path, mappingFile), 0o666 & ~mask);
  assert.equal(modeOf(site.path, "mappings/oracle_fusion"), 0o777 & ~mask);
  const private_ = readdirSync(tenon.data);
  for (const name of ["admin.key", "master.key", "tenon.db"]) assert.ok(private_.includes(name), name);
  for (const made of private_) assert.equal(modeOf(tenon.data, made) & 0o077, 0, made);
});

story("a file that does not load is refused with its line and not written", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, name("good"));
  const { tenon } = await stage.plant({ items: 3, site });
  const broken = name("x").replace("partType = from", "partType == from");
  const answer = await tenon.rest.send("PUT", at, broken, plain);
  assert.equal(answer.status, 422, answer.text);
  assert.equal(answer.body.error.details.file, mappingFile);
  assert.equal(answer.body.error.details.line, broken.split("\n").findIndex((l) => l.includes("==")) + 1);
  assert.equal(site.read(mappingFile), name("good"));
});

story("no path outside of the script folders is written or read", async (stage) => {
  const site = stage.site();
  const { tenon } = await stage.plant({ items: 1, site });
  for (const path of [
    "../x.lua", "scripts/../../x.lua", "scripts/%2e%2e/x.lua", "%2e%2e/x.lua", "tmp/x.lua",
    "scripts/x.txt", "scripts/.x.lua", "pinned/a/x.lua", "scripts//x.lua", "x.lua", "",
    "scripts/a%00.lua", "scripts/a%5cb.lua", `scripts/${"a".repeat(200)}.lua`,
  ]) {
    const answer = await tenon.rest.send("PUT", `/scripts/files/${path}`, "return {}", plain);
    assert.ok([400, 404, 405, 422].includes(answer.status), `${path}: ${answer.status}`);
  }
  assert.ok(!existsSync(join(site.path, "x.lua")));
  assert.ok(!existsSync(join(stage.scratch, "x.lua")));
  assert.equal((await tenon.rest.send("GET", "/scripts/files/scripts/nothing.lua")).status, 404);
});

story("only who may manage scripts writes them; without a site folder nobody does", async (stage) => {
  const { tenon } = await stage.plant({ items: 1, site: stage.site() });
  const made = await tenon.rest.want(201, "POST", "/keys", { name: "reader", role: "read_only" });
  const headers = { ...plain, authorization: `Bearer ${made.key}` };
  assert.equal((await tenon.rest.send("PUT", at, name("no"), headers)).status, 403);
  assert.equal((await tenon.rest.send("DELETE", at, undefined, headers)).status, 403);

  const bare = await stage.tenon();
  const answer = await bare.rest.send("PUT", at, name("no"), plain);
  assert.equal(answer.status, 503, answer.text);
  assert.match(answer.body.error.message, /--site/);
});

story("activating quotes what was looked at, and a folder that changed meanwhile is a conflict", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, name("one"));
  const { tenon } = await stage.plant({ items: 3, site });
  const { set } = await tenon.rest.want(200, "POST", "/scripts/reload");
  site.write(mappingFile, name("two"));
  const error = await tenon.rest.refused(409, "CONFLICT", "POST", "/scripts/activate", { generation: set });
  assert.match(error.message, /site folder/);
  site.write(mappingFile, name("one"));
  await tenon.rest.want(200, "POST", "/scripts/activate", { generation: set });
});

story("a condition on whether the file is there is kept", async (stage) => {
  const site = stage.site();
  const { rest } = await stage.tenon({ site });
  const put = async (path, condition, text = "return {}") =>
    (await rest.send("PUT", `/scripts/files/${path}`, text, { ...plain, ...condition })).status;
  const there = { "if-match": "*" };
  const absent = { "if-none-match": "*" };
  const path = "scripts/lib/new.lua";

  assert.equal(await put(path, there), 409, "If-Match: * makes no file");
  assert.ok(!existsSync(join(site.path, path)));
  assert.equal(await put(path, absent), 200);
  assert.equal(await put(path, absent, "return 2"), 409, "If-None-Match: * overwrites nothing");
  assert.equal(site.read(path), "return {}");
  assert.equal(await put(path, there, "return 3"), 200);
  assert.equal(await put(mappingFile, absent, name("x")), 409, "a shipped file is there");
  assert.equal(await put(mappingFile, there, name("x")), 200);
  assert.equal(await put(path, { "if-none-match": '"tag"' }), 422, "and none is passed over");
  assert.equal(await put(path, { "if-match": `"${"a".repeat(64)}", "b"` }), 422);
  assert.equal(await put(path, { "if-match": `W/"${"a".repeat(60)}"` }), 409);
  assert.equal(site.read(path), "return 3");
});
