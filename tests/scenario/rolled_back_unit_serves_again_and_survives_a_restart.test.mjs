// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { digest, instant } from "../harness/shapes.mjs";
import { story } from "../harness/story.mjs";

const name = (text) => mapping({ partName: `map.const "${text}"` });
const unitOf = async (rest) =>
  (await rest.get("/scripts")).units.find((u) => u.unit === "oracle_fusion");

// Two generations: "one", then "two", which serves.
async function twoGenerations(stage) {
  const site = stage.site();
  site.write(mappingFile, name("one"));
  const { tenon } = await stage.plant({ items: 5, site });
  await tenon.rest.sync("fusion");
  const one = (await unitOf(tenon.rest)).generation;
  site.write(mappingFile, name("two"));
  await tenon.rest.want(200, "POST", "/scripts/reload");
  const two = (await unitOf(tenon.rest)).generation;
  return { site, tenon, one, two };
}

async function serves(tenon, text) {
  await tenon.rest.sync("fusion");
  assert.equal((await tenon.rest.item("PN-000001")).partName, text);
}

story("each activation is in the list with its files, and two of them can be compared", async (stage) => {
  const { tenon, one, two } = await twoGenerations(stage);
  const list = await tenon.rest.get("/scripts/oracle_fusion/generations");
  assert.deepEqual(
    list.generations.map((g) => [g.generation, g.previous, g.active]),
    [
      [two, one, true],
      [one, null, false],
    ],
  );
  for (const g of list.generations) {
    assert.match(g.activatedAt, instant);
    assert.ok(g.actor.length > 0);
  }

  const old = await tenon.rest.get(`/scripts/oracle_fusion/generations/${one}`);
  const file = old.files.find((f) => f.path === mappingFile);
  assert.equal(file.text, name("one"));
  assert.match(file.hash, digest);

  const diff = await tenon.rest.get(`/scripts/oracle_fusion/diff?from=${one.slice(0, 8)}&to=${two}`);
  assert.deepEqual([diff.from, diff.to], [one, two]);
  assert.deepEqual(
    diff.files.map((f) => [f.path, f.change]),
    [[mappingFile, "changed"]],
  );
  assert.match(diff.files[0].diff, /^-\s+partName = map.const "one",$/m);
  assert.match(diff.files[0].diff, /^\+\s+partName = map.const "two",$/m);

  await tenon.rest.refused(404, "NOT_FOUND", "GET", "/scripts/nobody/generations");
  await tenon.rest.refused(404, "NOT_FOUND", "GET", "/scripts/oracle_fusion/generations/00000000");
  await tenon.rest.refused(422, "VALIDATION_ERROR", "GET", "/scripts/oracle_fusion/diff?from=" + one);
});

story("a unit that was rolled back serves its old files, also after a restart", async (stage) => {
  const { site, tenon, one, two } = await twoGenerations(stage);
  await serves(tenon, "two");
  const answer = await tenon.rest.want(200, "POST", "/scripts/oracle_fusion/rollback", {
    generation: one.slice(0, 12),
  });
  assert.deepEqual(answer.changed, [{ unit: "oracle_fusion", generation: one, previous: two }]);
  assert.deepEqual(answer.rolledBack, [
    { unit: "oracle_fusion", generation: one, siteGeneration: two },
  ]);
  await serves(tenon, "one");

  await tenon.stop();
  await tenon.start();
  assert.deepEqual(
    [(await unitOf(tenon.rest)).generation, (await unitOf(tenon.rest)).rolledBack],
    [one, true],
  );
  const again = await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(again.changed, []);
  assert.deepEqual(again.rolledBack, answer.rolledBack, "a reload says that the folder differs");

  // What is changed in the folder from now on counts again.
  site.write(mappingFile, name("three"));
  const third = await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(third.rolledBack, []);
  assert.equal((await unitOf(tenon.rest)).rolledBack, false);
  await serves(tenon, "three");
});

story("a roll back to what the site folder has is no roll back any more", async (stage) => {
  const { tenon, one, two } = await twoGenerations(stage);
  const back = await tenon.command(["rollback", "oracle_fusion", one.slice(0, 8)]);
  assert.equal(back.code, 0, back.output);
  assert.match(back.output, new RegExp(`is rolled back to ${one.slice(0, 12)}`));
  await serves(tenon, "one");
  const shown = await tenon.command(["generations"]);
  assert.match(shown.output, /oracle_fusion .*rolled back/);

  const forth = await tenon.command(["rollback", "oracle_fusion", two.slice(0, 8)]);
  assert.equal(forth.code, 0, forth.output);
  assert.equal((await unitOf(tenon.rest)).rolledBack, false);
  await serves(tenon, "two");
  const history = await tenon.command(["generations", "oracle_fusion"]);
  assert.deepEqual(
    history.output.trim().split("\n").map((line) => line.slice(0, 14)),
    [`* ${two.slice(0, 12)}`, `  ${one.slice(0, 12)}`, `  ${two.slice(0, 12)}`, `  ${one.slice(0, 12)}`],
  );

  const error = await tenon.rest.refused(404, "NOT_FOUND", "POST", "/scripts/oracle_fusion/rollback", {
    generation: "0000",
  });
  assert.match(error.message, /no generation 0000/);
});

story("every worker serves the older generation when the roll back is answered", async (stage) => {
  const { tenon, one, two } = await twoGenerations(stage);
  for (const [to, text] of [[one, "one"], [two, "two"], [one, "one"]]) {
    await tenon.rest.want(200, "POST", "/scripts/oracle_fusion/rollback", { generation: to });
    const served = await tenon.eachWorker(async () => (await unitOf(tenon.rest)).generation);
    assert.deepEqual(served, [to, to], text);
  }
});

// The folder has something else of the unit at a start, and then what it had again.
async function otherFolderAtAStart(stage, text, says, args = []) {
  const { site, tenon, one, two } = await twoGenerations(stage);
  await tenon.rest.want(200, "POST", "/scripts/oracle_fusion/rollback", { generation: one });
  await tenon.stop();
  site.write(mappingFile, text);
  tenon.extra = args;
  await tenon.start();
  await tenon.logged(says);
  assert.equal((await unitOf(tenon.rest)).generation, one);
  site.write(mappingFile, name("two"));
  const again = await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(again.rolledBack, [
    { unit: "oracle_fusion", generation: one, siteGeneration: two },
  ]);
  await serves(tenon, "one");
  const { text: metrics } = await tenon.rest.send("GET", "//metrics");
  assert.match(metrics, /^tenon_reload_failures_total 1$/m); // the folder at the start
}

story("a roll back outlives a restart with a broken site folder", (stage) =>
  otherFolderAtAStart(stage, "return map {", /oracle_fusion are refused, and the rest serves: mappings/));

story("a roll back outlives a restart with a folder that needs its preview", (stage) =>
  otherFolderAtAStart(stage, name("unseen"), /the site folder is not taken, so what served last goes on/, [
    "--require-preview",
  ]));

story("the command shows two generations as a unified diff", async (stage) => {
  const { tenon, one, two } = await twoGenerations(stage);
  const diff = async (...generations) =>
    tenon.command(["generations", "oracle_fusion", ...generations]);
  const shown = await diff(one.slice(0, 8), two.slice(0, 8));
  assert.equal(shown.code, 0, shown.output);
  assert.match(shown.stdout, new RegExp(`^--- a/${mappingFile}\n\\+\\+\\+ b/${mappingFile}\n@@ `));
  assert.match(shown.stdout, /^-\s+partName = map.const "one",\n\+\s+partName = map.const "two",$/m);
  assert.equal((await diff(one.slice(0, 8))).stdout, shown.stdout, "against what serves");
  assert.match((await diff(two, one)).stdout, /^-\s+partName = map.const "two",$/m);
  assert.equal((await diff(two)).stdout, "no difference\n");
  assert.equal((await diff(one, two, "--json")).json.files.length, 1);
  const unknown = await diff("00000000");
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /no generation 00000000/);
});

story("a unit is asked for by whatever name was typed", async (stage) => {
  const { tenon } = await twoGenerations(stage);
  for (const args of [["generations", "a b?"], ["generations", "a b?", "00000000"], ["rollback", "a b?", "00000000"]]) {
    const told = await tenon.command(args);
    assert.equal(told.code, 1);
    assert.match(told.stderr, /unit 'a b\?'/);
  }
});
