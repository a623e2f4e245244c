// SPDX-License-Identifier: MIT
// peers/rest_get.mjs - the same API by hand: Fastify on better-sqlite3, one prepared statement, the
// key checked as HMAC in constant time from a cache, rate-limit headers, the stored body sent as text.
//   node peers/rest_get.mjs DATABASE IDS KEY [PROCESSES]     fills DATABASE from the file IDS, prints {"port":…}
import Database from "better-sqlite3";
import Fastify from "fastify";
import cluster from "node:cluster";
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

const [file, ids, key, processes = "1"] = process.argv.slice(2);

function fill() {
  const db = new Database(file);
  db.pragma("journal_mode = WAL");
  db.exec(
    "CREATE TABLE item (id TEXT PRIMARY KEY, body TEXT NOT NULL, version INTEGER NOT NULL, created TEXT, " +
      "updated TEXT) WITHOUT ROWID",
  );
  const put = db.prepare("INSERT INTO item VALUES (?, ?, 1, ?, ?)");
  const now = new Date().toISOString();
  db.transaction(() => {
    readFileSync(ids, "utf8")
      .trimEnd()
      .split("\n")
      .forEach((id, i) =>
        put.run(
          id,
          JSON.stringify({
            partNumber: `PN-${String(i).padStart(7, "0")}`,
            partName: `Bracket no. ${i}`,
            partType: "COMPONENT",
            unitOfMeasure: "EA",
            externalId: String(300000047274444 + i),
            organizationCode: "M1",
            status: "Active",
            updatedUpstream: "2026-01-11T08:30:00.000Z",
          }),
          now,
          now,
        ),
      );
  })();
  db.close();
}

async function serve() {
  const db = new Database(file, { readonly: true });
  const get = db.prepare("SELECT id, body, version, created, updated FROM item WHERE id = ?");
  const pepper = "0123456789abcdef0123456789abcdef";
  const digest = (text) => createHmac("sha256", pepper).update(text).digest();
  const keys = new Map([[key.slice(0, 16), { hash: digest(key), limit: 1e9, used: 0, until: 0 }]]);
  const app = Fastify({ logger: false, keepAliveTimeout: 75_000 });
  let number = 0;

  app.addHook("onRequest", (request, reply, done) => {
    const header = request.headers.authorization;
    const given = header?.startsWith("Bearer ") ? header.slice(7) : request.headers["x-api-key"];
    const known = given && keys.get(given.slice(0, 16));
    reply.header("X-Request-Id", `req_${++number}`);
    if (!known || !timingSafeEqual(known.hash, digest(given))) {
      reply
        .code(401)
        .send({ error: { code: "UNAUTHORIZED", message: "the key is missing or wrong" } });
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
    if (known.used > known.limit) {
      reply.code(429).send({ error: { code: "RATE_LIMIT_EXCEEDED" } });
      return;
    }
    done();
  });
  app.get("/api/v1/items/:id", (request, reply) => {
    const row = get.get(request.params.id);
    if (!row) {
      reply.code(404).send({ error: { code: "NOT_FOUND" } });
      return;
    }
    reply
      .header("ETag", `"${row.version}"`)
      .type("application/json")
      .send(
        `{"id":"${row.id}",${row.body.slice(1, -1)},"createdAt":"${row.created}","updatedAt":"${row.updated}"}`,
      );
  });
  await app.listen({ host: "127.0.0.1", port: 0, exclusive: false });
  return app.server.address().port;
}

if (+processes > 1 && cluster.isPrimary) {
  fill();
  let ready = 0;
  for (let i = 0; i < +processes; i++) {
    cluster.fork().on("message", ({ port }) => {
      if (++ready === +processes) console.log(JSON.stringify({ port }));
    });
  }
} else {
  if (cluster.isPrimary) fill();
  const port = await serve();
  if (cluster.isPrimary) console.log(JSON.stringify({ port }));
  else process.send({ port });
}
