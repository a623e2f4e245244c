// SPDX-License-Identifier: MIT
// mapping_peer.mjs DIR ROUNDS: the mapping of bench_bind_map.c as one writes it by hand in Node.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const [dir, rounds] = [process.argv[2], Number(process.argv[3] ?? 1)];
const pages = readdirSync(dir).sort().map((name) => readFileSync(join(dir, name)));
const types = { Root: "ASSEMBLY", Purchased: "COMPONENT", Manufactured: "ASSEMBLY", Model: "MODEL" };

function map(item) {
  return {
    externalId: String(item.ItemId),
    partNumber: item.ItemNumber,
    partName: item.ItemDescription,
    partType: types[item.ItemClass] ?? "COMPONENT",
    planner: item.PlannerCode ?? "NONE",
    organizationCode: item.OrganizationCode,
    listPrice: item.ListPrice.toFixed(4),
    lastUpdated: new Date(item.LastUpdateDate).toISOString(),
    itemKey: `${item.OrganizationCode}-${item.ItemNumber}`,
  };
}

let records = 0, bytes = 0, written = 0;
const run = () => {
  for (const page of pages) {
    const items = JSON.parse(page.toString("utf8")).items;
    let out = "";
    for (const item of items) out += JSON.stringify(map(item)) + "\n";
    records += items.length;
    bytes += page.length;
    written += Buffer.byteLength(out);
  }
};
run();                                             // warm
records = bytes = written = 0;
const began = process.cpuUsage();
for (let i = 0; i < rounds; i++) run();
const used = process.cpuUsage(began), seconds = (used.user + used.system) / 1e6;
console.log(JSON.stringify({ records, seconds, bytes, written, rss: process.memoryUsage().rss }));
