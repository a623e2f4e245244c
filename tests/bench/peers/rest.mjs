// SPDX-License-Identifier: MIT
// peers/rest.mjs - the same API by hand: Fastify on better-sqlite3 with FULL durability. Writes that
// come while others are under way share a transaction (group commit) and are answered once it is
// durable.  Fields are checked by a compiled schema; the key as HMAC in constant time from a cache.
//   node peers/rest.mjs DATABASE KEY COUNT       fills DATABASE, prints {"port":…,"ids":[…]}
import Database from "better-sqlite3";
import Fastify from "fastify";
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";

const [file, key, count] = process.argv.slice(2);
const db = new Database(file);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
// Lists are filtered and sorted by the same fields as ours, so these are columns with an index.
const columns = ["partNumber", "partName", "partType", "externalId", "organizationCode", "status", "lastUpdated"];
db.exec(
  `CREATE TABLE item (n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, ${columns.join(", ")}, body TEXT NOT NULL, ` +
    "version INTEGER NOT NULL, created TEXT, updated TEXT, UNIQUE (partNumber, organizationCode))",
);
for (const name of [...columns, "created", "updated"]) db.exec(`CREATE INDEX item_${name} ON item (${name})`);
const values = (body) => columns.map((name) => body[name] ?? null);
const insert = db.prepare(
  `INSERT INTO item (id, ${columns.join(", ")}, body, version, created, updated) ` +
    `VALUES (?, ${columns.map(() => "?").join(", ")}, ?, 1, ?, ?)`,
);
const change = db.prepare(
  `UPDATE item SET ${columns.map((name) => `${name} = ?`).join(", ")}, body = ?, version = ?, updated = ? WHERE n = ?`,
);
const find = db.prepare("SELECT * FROM item WHERE id = ?");
const total = db.prepare("SELECT count(*) AS n FROM item");
const pages = new Map(); // a prepared statement for each set of filters and sort
function page(query, limit, offset) {
  const filters = columns.filter((name) => query[name] !== undefined);
  const sort = columns.includes(query.sort) ? query.sort : "n";
  const sql =
    `SELECT * FROM item ${filters.length ? `WHERE ${filters.map((name) => `${name} = ?`).join(" AND ")}` : ""} ` +
    `ORDER BY ${sort} ${query.order === "desc" ? "DESC" : "ASC"} LIMIT ? OFFSET ?`;
  if (!pages.has(sql)) pages.set(sql, db.prepare(sql));
  return pages.get(sql).all(...filters.map((name) => query[name]), limit, offset);
}
const ids = [];

db.transaction(() => {
  const now = new Date().toISOString();
  for (let i = 0; i < +count; i++) {
    const body = { partNumber: `PN-${i}`, partName: `Bracket no. ${i}`, organizationCode: "M1", status: "Active" };
    ids.push(randomUUID());
    insert.run(ids[i], ...values(body), JSON.stringify(body), now, now);
  }
})();
let rows = total.get().n;

// ---- group commit: all that waits goes into one transaction ----

let waiting = [];
const begin = db.prepare("BEGIN IMMEDIATE"), commit = db.prepare("COMMIT");
const savepoint = db.prepare("SAVEPOINT one"), release = db.prepare("RELEASE one");
const back = db.prepare("ROLLBACK TO one");
function together() {
  const batch = waiting;
  waiting = [];
  begin.run();
  for (const one of batch) {
    savepoint.run();
    try {
      one.result = one.work();
    } catch (error) {
      back.run();
      one.error = error;
    }
    release.run();
  }
  commit.run();
  for (const { resolve, reject, result, error } of batch) error ? reject(error) : resolve(result);
}
function durable(work) {
  return new Promise((resolve, reject) => {
    if (waiting.push({ work, resolve, reject }) === 1) setImmediate(together);
  });
}

const text = (max) => ({ type: "string", maxLength: max });
const properties = {
  partNumber: { type: "string", minLength: 1, maxLength: 300 },
  partName: text(1000),
  partType: { enum: ["ASSEMBLY", "COMPONENT", "MODEL", "RAW_MATERIAL", "TOOLING", "EQUIPMENT"] },
  unitOfMeasure: text(50),
  externalId: text(300),
  organizationCode: text(50),
  status: text(100),
};
const pepper = "0123456789abcdef0123456789abcdef";
const digest = (given) => createHmac("sha256", pepper).update(given).digest();
const keys = new Map([[key.slice(0, 16), { hash: digest(key), limit: 1e9, used: 0, until: 0 }]]);
const app = Fastify({ logger: false, keepAliveTimeout: 75_000, ajv: { customOptions: { removeAdditional: false } } });
let number = 0;

app.addHook("onRequest", (request, reply, done) => {
  const header = request.headers.authorization;
  const given = header?.startsWith("Bearer ") ? header.slice(7) : request.headers["x-api-key"];
  const known = given && keys.get(given.slice(0, 16));
  reply.header("X-Request-Id", `req_${++number}`);
  if (!known || !timingSafeEqual(known.hash, digest(given))) {
    reply.code(401).send({ error: { code: "UNAUTHORIZED" } });
    return;
  }
  const now = Date.now();
  if (now >= known.until) {
    known.until = now + 60_000;
    known.used = 0;
  }
  known.used++;
  reply.header("X-RateLimit-Limit", known.limit);
  reply.header("X-RateLimit-Remaining", Math.max(0, known.limit - known.used));
  reply.header("X-RateLimit-Reset", Math.ceil(known.until / 1000));
  done();
});

const shown = (row) =>
  `{"id":"${row.id}",${row.body.slice(1, -1)},"createdAt":"${row.created}","updatedAt":"${row.updated}",` +
  `"version":${row.version}}`;
const answer = (reply, row) => {
  reply.header("ETag", `"${row.version}"`).type("application/json").send(shown(row));
};
const missing = (reply) => reply.code(404).send({ error: { code: "NOT_FOUND" } });
const failed = (reply, error) => {
  const taken = error.code === "SQLITE_CONSTRAINT_UNIQUE";
  reply.code(taken ? 409 : 500).send({ error: { code: taken ? "DUPLICATE_KEY" : "INTERNAL_ERROR" } });
};

app.get("/api/v1/items/:id", (request, reply) => {
  const row = find.get(request.params.id);
  if (row) answer(reply, row);
  else missing(reply);
});
app.get("/api/v1/items", (request, reply) => {
  const limit = Math.min(+(request.query.limit ?? 50), 500), offset = +(request.query.offset ?? 0);
  const items = page(request.query, limit, offset).map(shown);
  const rest = { total: rows, limit, offset, hasMore: offset + items.length < rows };
  reply.type("application/json").send(`{"items":[${items.join(",")}],"pagination":${JSON.stringify(rest)}}`);
});
app.post(
  "/api/v1/items",
  { schema: { body: { type: "object", properties, required: ["partNumber"], additionalProperties: false } } },
  async (request, reply) => {
    const { body } = request, id = randomUUID(), now = new Date().toISOString(), json = JSON.stringify(body);
    try {
      await durable(() => insert.run(id, ...values(body), json, now, now));
      rows++;
      reply.code(201).header("Location", `/api/v1/items/${id}`);
      answer(reply, { id, body: json, version: 1, created: now, updated: now });
    } catch (error) {
      failed(reply, error);
    }
    return reply;
  },
);
app.patch(
  "/api/v1/items/:id",
  { schema: { body: { type: "object", properties, additionalProperties: false } } },
  async (request, reply) => {
    const { body } = request, { id } = request.params;
    try {
      const row = await durable(() => {
        const old = find.get(id);
        if (!old) return null;
        const merged = { ...JSON.parse(old.body), ...body };
        const next = { ...old, body: JSON.stringify(merged), version: old.version + 1 };
        next.updated = new Date().toISOString();
        change.run(...values(merged), next.body, next.version, next.updated, old.n);
        return next;
      });
      if (row) answer(reply, row);
      else missing(reply);
    } catch (error) {
      failed(reply, error);
    }
    return reply;
  },
);
await app.listen({ host: "127.0.0.1", port: 0 });
console.log(JSON.stringify({ port: app.server.address().port, ids }));
