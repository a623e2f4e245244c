// SPDX-License-Identifier: MIT
// bench.mjs - what the benches share: options, processes that answer in lines, medians, one table.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export const here = fileURLToPath(new URL(".", import.meta.url));
process.env.TENON ??= `${here}../../build/release/tenon`;
const { Tenon } = await import("../harness/tenon.mjs");
const { scratchFolder } = await import("../harness/scratch.mjs");
export { Tenon };

// Numbers given as --name N over these defaults, and --json.
export function options(defaults) {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean" },
      ...Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }])),
    },
  });
  const numbers = Object.entries(defaults).map(([name, value]) => [
    name,
    values[name] ? +values[name] : value,
  ]);
  return { json: values.json ?? false, ...Object.fromEntries(numbers) };
}

// Runs a bench with a scratch folder; everything that it started ends with it.
export async function bench(play) {
  const folder = scratchFolder();
  const undo = [folder.clear];
  try {
    await play({ folder: folder.path, defer: (fn) => undo.push(fn) });
  } finally {
    for (const fn of undo.reverse()) await fn();
  }
}

// A Node process that writes a line of JSON for each line that it is given.
export class Lines {
  constructor(script, args, place) {
    this.child = spawn(process.execPath, [`${here}${script}`, ...args.map(String)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    place.defer(() => this.child.kill("SIGKILL"));
  }

  async line() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error("a process of the bench ended early");
    return JSON.parse(value);
  }

  ask(text) {
    this.child.stdin.write(`${text}\n`);
    return this.line();
  }
}

export const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};

// A Tenon whose one integration "bench" speaks to upstream.mjs.
export async function tenonOn(data, upstream, place, more = {}) {
  const tenon = new Tenon(data, more);
  place.defer(() => tenon.end());
  await tenon.start();
  const url = `http://127.0.0.1:${upstream}`;
  await tenon.rest.create({
    name: "bench",
    displayName: "Bench",
    type: "ERP",
    integrationType: "oracle_fusion",
    enabled: true,
    config: {
      fusionBaseUrl: url,
      tokenUrl: `${url}/token`,
      clientId: "c",
      clientSecret: "s",
      scopes: ["a"],
      batchSize: 500,
    },
  });
  return tenon;
}

// Requests a second and latencies of one GET load over the ids in a file: by wrk where it is
// installed, else by autocannon.
export async function load({ port, key, ids, connections, seconds, list }) {
  if (spawnSync("wrk", ["--version"]).error)
    return cannon({ port, key, list, connections, seconds });
  return wrk("rest_get.lua", [ids, key], { port, connections, seconds });
}

// The same of any script for wrk, which prints its result as one line.
export async function wrk(script, args, { port, connections, seconds }) {
  const run = spawn("wrk", [
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "-s",
    `${here}${script}`,
    `http://127.0.0.1:${port}`,
    "--",
    ...args.map(String),
  ]);
  run.on("error", (error) => {
    throw new Error(`wrk is needed: apt-get install wrk (${error.message})`);
  });
  let out = "";
  run.stdout.on("data", (text) => {
    out += text;
  });
  await new Promise((resolve) => {
    run.on("close", resolve);
  });
  const found = /^RESULT (.*)$/m.exec(out);
  if (!found) throw new Error(`wrk said ${out}`);
  return JSON.parse(found[1]);
}

async function cannon({ port, key, list, connections, seconds }) {
  const { default: autocannon } = await import("autocannon");
  const requests = list.slice(0, 5000).map((id) => ({ path: `/api/v1/items/${id}` }));
  const result = await autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: seconds,
    requests,
    headers: { authorization: `Bearer ${key}` },
  });
  return {
    perSecond: result.requests.average,
    p50: result.latency.p50,
    p99: result.latency.p99,
    bad: result.non2xx + result.errors,
  };
}

// One table, or JSON.  rows: {work, ours, peer, unit, goal}; more columns by name.
export function report(title, rows, { json }) {
  const all = rows.map((row) => ({ ...row, ratio: row.ours / row.peer }));
  if (json) {
    console.log(JSON.stringify({ title, rows: all }));
    return;
  }
  const short = (n) => (n >= 1000 ? Math.round(n).toLocaleString("en-US") : n.toFixed(2));
  const lines = [
    ["", "Tenon", "Node peer", "ratio", "goal", "unit"],
    ...all.map((row) => [
      row.work,
      short(row.ours),
      short(row.peer),
      `${row.ratio.toFixed(2)}x`,
      row.goal ?? "",
      row.unit,
    ]),
  ];
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  console.log(`\n${title}`);
  for (const line of lines) {
    console.log(
      line
        .map((cell, i) => (i && i < 5 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
        .join("  "),
    );
  }
}

export const missing = (file) => !existsSync(file);
