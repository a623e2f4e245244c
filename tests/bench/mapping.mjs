// SPDX-License-Identifier: MIT
// mapping.mjs BUILD [--quick]: 1.3 KB items in pages of 500 through one mapping of 9 fields, by Tenon and
// by its peers, on one core, in turn; one table.  BUILD is the release build's folder;
// packages.txt has the peers.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const build = process.argv[2] ?? join(here, "../../build/release");
const quick = process.argv.includes("--quick");
const scratch = mkdtempSync(join(tmpdir(), "tenon-mapping-"));
const pages = join(scratch, "pages");
const scale = quick ? 1 : 4;                       // 50,000 records a round
const jqFilter = `.items[] | {externalId: (.ItemId|tostring), partNumber: .ItemNumber, partName: .ItemDescription,
  partType: ({"Root":"ASSEMBLY","Purchased":"COMPONENT","Manufactured":"ASSEMBLY","Model":"MODEL"}[.ItemClass]
    // "COMPONENT"),
  planner: (.PlannerCode // "NONE"), organizationCode: .OrganizationCode, listPrice: (.ListPrice|tostring),
  lastUpdated: .LastUpdateDate, itemKey: "\\(.OrganizationCode)-\\(.ItemNumber)"}`;

function simdjson(file) {
  const out = join(scratch, file);
  const source = join(here, `${file}.cpp`);
  const built = spawnSync("g++", ["-O3", "-march=native", "-std=c++17", source, "-lsimdjson", "-o", out]);
  if (built.status !== 0) throw new Error(`${file}.cpp does not build: ${built.stderr}`);
  return [out, pages, String(5 * scale)];
}

// On the last core, which is the least likely to be busy with interrupts.
function timed(command) {
  const cpu = String(Number(execFileSync("nproc").toString()) - 1);
  return execFileSync("taskset", ["-c", cpu, ...command], { maxBuffer: 1 << 30, stdio: ["ignore", "pipe", "inherit"] });
}

function rate(command) {
  const r = JSON.parse(timed(command).toString());
  return { perSecond: r.records / r.seconds, mb: r.bytes / r.seconds / 1e6, rss: r.rss ?? 0 };
}

function rateOfJq() {
  const files = ["page_0000.json", "page_0001.json", "page_0002.json", "page_0003.json"].map((f) => join(pages, f));
  const began = process.hrtime.bigint();
  timed(["jq", "-c", jqFilter, ...files]);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  return { perSecond: 2000 / seconds, mb: 0, rss: 0 };
}

function median(list) {
  return list.sort((a, b) => a.perSecond - b.perSecond)[Math.floor(list.length / 2)];
}

try {
  execFileSync("node", [join(here, "mapping_pages.mjs"), pages, "100"]);
  const bin = (name) => join(build, "tests", name);
  const rounds = String(4 * scale);
  const rows = [
    ["Tenon, mapping in Lua, compiled", () => rate([bin("bench_bind_map"), pages, rounds])],
    ["Tenon, one field a Lua function", () => rate([bin("bench_bind_map"), pages, rounds, "fn"])],
    ["Tenon, mapped and SHA-256", () => rate([bin("bench_apply"), pages, rounds, "hash"])],
    ["Tenon, parse only", () => rate([bin("bench_apply"), pages, rounds, "parse"])],
    ["Tenon, parsed row by row", () => rate([bin("bench_apply"), pages, rounds, "rows"])],
    ["simdjson, parse only (a limit)", rate.bind(null, simdjson("mapping_peer_simdjson"))],
    ["C++ over simdjson, by hand", rate.bind(null, simdjson("mapping_peer_simdjson_map"))],
    ["Node, by hand", () => rate(["node", join(here, "mapping_peer.mjs"), pages, String(scale)])],
  ];
  if (!existsSync(bin("bench_bind_map"))) throw new Error(`no ${bin("bench_bind_map")}: ./dev build first`);
  rows.push(["Lua with cjson, by hand", () => rate(["lua5.4", join(here, "mapping_peer.lua"), pages, "1"])]);
  rows.push(["jq", rateOfJq]);
  const results = new Map(rows.map(([name]) => [name, []]));
  for (let i = 0; i < (quick ? 1 : 3); i++) for (const [name, run] of rows) results.get(name).push(run());
  const node = median(results.get("Node, by hand")).perSecond;
  const cpp = median(results.get("C++ over simdjson, by hand")).perSecond;
  console.log(`mapping: ${"records/s".padStart(33)}${"MB/s".padStart(8)}${"max RSS".padStart(10)}` +
    `${"× Node".padStart(9)}${"× C++".padStart(8)}`);
  for (const [name, list] of results) {
    const r = median(list);
    console.log(`  ${name.padEnd(32)}${Math.round(r.perSecond).toLocaleString("en").padStart(8)}` +
      `${(r.mb ? Math.round(r.mb).toLocaleString("en") : "").padStart(8)}` +
      `${(r.rss ? `${Math.round(r.rss / 1e6)} MB` : "").padStart(10)}` +
      `${(r.perSecond / node).toFixed(1).padStart(9)}${(r.perSecond / cpp).toFixed(2).padStart(8)}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
