// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

const MANY = 200;
const systems = Array.from({ length: MANY }, (_, i) => `system_${String(i).padStart(3, "0")}`);

const adapter = (title) => `local tn = require "tenon"
return tn.adapter { title = "${title}", type = "ERP", base = "baseUrl",
  config = { tn.url "baseUrl" { required = true } }, health = function() return {} end }
`;

story("a reload that changes 200 units lists all and keeps the history of each", async (stage) => {
  const site = stage.site();
  const tenon = await stage.tenon({ site, workers: 1 });
  const write = (title) => {
    for (const s of systems) site.write(`scripts/adapters/${s}.lua`, adapter(title));
  };
  const reload = async () => {
    const reloaded = await tenon.command(["reload", "--json"]);
    assert.equal(reloaded.code, 0, reloaded.stderr);
    return JSON.parse(reloaded.stdout);
  };
  write("one");
  const one = await reload();
  write("two");
  const two = await reload();
  for (const { changed } of [one, two]) assert.deepEqual(changed.map((c) => c.unit).sort(), systems);

  for (const [i, s] of systems.entries()) {
    const path = `/scripts/${s}/generations`;
    const { generations } = await tenon.rest.get(path);
    const [first, second] = [one, two].map((r) => r.changed.find((c) => c.unit === s).generation);
    assert.deepEqual(
      generations.map((g) => [g.generation, g.previous]),
      [
        [second, first],
        [first, null],
      ],
      s,
    );
    if (i % 50) continue; // the command is the same for all
    const shown = await tenon.command(["generations", s]);
    assert.equal(shown.code, 0, shown.stderr);
    assert.deepEqual(
      shown.stdout.trim().split("\n").map((l) => l.slice(0, 14)),
      [`* ${second.slice(0, 12)}`, `  ${first.slice(0, 12)}`],
    );
  }

  // As many roll backs hold as there are.
  const back = systems.slice(0, 40);
  for (const s of back) {
    const { generation } = one.changed.find((c) => c.unit === s);
    await tenon.rest.want(200, "POST", `/scripts/${s}/rollback`, { generation });
  }
  const { rolledBack, changed } = await reload();
  assert.deepEqual(rolledBack.map((r) => r.unit).sort(), back);
  assert.deepEqual(changed, []);
}, { timeout: 240_000 });
