// SPDX-License-Identifier: MIT
// map_stream.mjs BUILD [RECORDS]: peak memory of `tenon map` over a short and a long stream of each format.
// The long one has 50 times as many records; memory that grew with it would show.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const tenon = join(process.argv[2] ?? "build/release", "tenon");
const records = Number(process.argv[3] ?? 10_000);
const fields = (i) => ({
  ItemId: i, ItemNumber: `PN-${i}`, ItemDescription: "x".repeat(200), ItemClass: "Root", ListPrice: `${i}.50`,
});
const names = Object.keys(fields(0));
const page = 500;
const formats = {
  ndjson: { args: ["--from", "ndjson"], row: (i) => `${JSON.stringify(fields(i))}\n` },
  pages: {
    args: ["--from", "ndjson", "--rows", "items"],
    row: (i) =>
      i % page ? "" : `${JSON.stringify({ items: Array.from({ length: page }, (_, k) => fields(i + k)) })}\n`,
  },
  csv: { args: ["--from", "csv"], head: `${names}\n`, row: (i) => `${Object.values(fields(i))}\n` },
  xml: {
    args: ["--from", "xml"], head: "<r>", foot: "</r>",
    row: (i) => `<i>${names.map((n) => `<${n}>${fields(i)[n]}</${n}>`).join("")}</i>`,
  },
  fixed: {
    args: ["--from", "fixed", "--columns", "ItemId:1-10,ItemNumber:11-30,ListPrice:31-45"],
    row: (i) => `${String(i).padEnd(10)}${`PN-${i}`.padEnd(20)}${`${i}.50`.padEnd(15)}\n`,
  },
};

async function peak({ args, head = "", foot = "", row }, count) {
  const run = spawn(tenon, ["map", "oracle_fusion/item", "--stats", "--json", ...args], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  run.stderr.on("data", (data) => { said += data; });
  const ended = once(run, "close");
  let text = head;
  for (let i = 0; i < count; i++) {
    text += row(i);
    if (text.length < 65_536) continue;
    if (!run.stdin.write(text)) await once(run.stdin, "drain");
    text = "";
  }
  run.stdin.end(text + foot);
  await ended;
  const stats = JSON.parse(said.trim().split("\n").at(-1));
  if (stats.records !== count || stats.rejected) throw new Error(said.slice(0, 500));
  return stats.peakKilobytes;
}

console.log(`map, peak memory   ${`${records} records`.padStart(16)}${`${records * 50} records`.padStart(18)}`);
for (const [name, format] of Object.entries(formats)) {
  const short = await peak(format, records), long = await peak(format, records * 50);
  console.log(`  ${name.padEnd(17)}${`${short} KB`.padStart(16)}${`${long} KB`.padStart(18)}`);
  if (long > short * 1.2) process.exitCode = 1;
}
