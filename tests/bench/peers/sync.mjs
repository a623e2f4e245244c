// SPDX-License-Identifier: MIT
// peers/sync.mjs - the same sync by hand: Node, a keep-alive agent that fetches the next page while
// this one is stored, prepared statements, one transaction a page, hash skip, cursor in the page's
// own transaction, SQLite with WAL and synchronous=FULL.
//   node peers/sync.mjs DATABASE URL     "run" on stdin: one run; answers one line of JSON
import Database from "better-sqlite3";
import { createHash, randomUUID } from "node:crypto";
import http from "node:http";
import { createInterface } from "node:readline";

const [file, url] = process.argv.slice(2);
const db = new Database(file);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec(`
  CREATE TABLE IF NOT EXISTS item (id TEXT PRIMARY KEY, external_id TEXT NOT NULL UNIQUE, hash BLOB NOT NULL,
    part_number TEXT NOT NULL, body TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS item_part ON item (part_number);
  CREATE TABLE IF NOT EXISTS run (id TEXT PRIMARY KEY, cursor INTEGER, created INTEGER, updated INTEGER,
    unchanged INTEGER);
`);
const find = db.prepare("SELECT hash FROM item WHERE external_id = ?");
const put = db.prepare(`INSERT INTO item VALUES (@id, @external, @hash, @part, @body, @now, @now)
  ON CONFLICT (external_id) DO UPDATE SET hash = @hash, part_number = @part, body = @body, updated = @now`);
const mark = db.prepare("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?)");

const classes = {
  Root: "ASSEMBLY",
  Purchased: "COMPONENT",
  Manufactured: "ASSEMBLY",
  Model: "MODEL",
};
const mapped = (src) =>
  JSON.stringify({
    partNumber: src.ItemNumber,
    partName: src.ItemDescription,
    partType: classes[src.ItemClass] ?? "COMPONENT",
    unitOfMeasure: src.PrimaryUOMCode,
    externalId: String(src.ItemId),
    organizationCode: src.OrganizationCode,
    status: src.ItemStatusValue,
    updatedUpstream: new Date(src.LastUpdateDate).toISOString(),
  });

const store = db.transaction((run, rows, cursor) => {
  const now = Date.now();
  for (const row of rows) {
    const body = mapped(row);
    const external = row.ItemNumber;
    const hash = createHash("sha256").update(body).digest();
    const old = find.get(external);
    if (old && old.hash.equals(hash)) {
      run.unchanged++;
      continue;
    }
    put.run({ id: randomUUID(), external, hash, part: row.ItemNumber, body, now });
    run[old ? "updated" : "created"]++;
  }
  mark.run(run.id, cursor, run.created, run.updated, run.unchanged);
});

const agent = new http.Agent({ keepAlive: true });
const fetchPage = (offset) =>
  new Promise((resolve, reject) => {
    const request = http.get(
      `${url}/fscmRestApi/resources/11.13.18.05/itemsV2?limit=500&offset=${offset}&onlyData=true`,
      { agent },
      (response) => {
        const parts = [];
        response.on("data", (part) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => resolve(JSON.parse(Buffer.concat(parts).toString("utf8"))));
      },
    );
    request.on("error", reject);
  });

async function sync() {
  const run = { id: randomUUID(), created: 0, updated: 0, unchanged: 0 };
  const began = performance.now();
  let next = fetchPage(0);
  for (let offset = 0; ;) {
    const page = await next;
    offset += page.items.length;
    const more = page.hasMore && page.items.length > 0;
    if (more) next = fetchPage(offset);
    store(run, page.items, offset);
    if (!more) break;
  }
  return { ...run, ms: performance.now() - began };
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "run") console.log(JSON.stringify(await sync()));
}
db.close();
agent.destroy();
