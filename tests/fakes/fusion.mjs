// SPDX-License-Identifier: MIT
// fusion.mjs - a fake Oracle Fusion with its identity service, for stories: it behaves as the real one
// does on the wire, goes wrong when the story says so, and remembers what it was asked.
//
//   const fusion = await new Fusion({ items: 250 }).start();
//   fusion.fault("items", faults.tooMany(1), { at: 2 });     // the second page request gets 429
//   const gate = fusion.hold("items", { at: 3 });            // the third waits until gate.open()
import { randomBytes } from "node:crypto";
import http from "node:http";
import { Items } from "./items.mjs";

const base = "/fscmRestApi/resources/11.13.18.05";
const collection = "application/vnd.oracle.adf.resourcecollection+json";
const problem = "application/vnd.oracle.adf.error+json";
const referenceNames = ["organizationCode", "itemClass", "finder"];
const commonNames = ["limit", "offset", "onlyData", "totalResults", "fields", "orderBy", "expand"];

// What can go wrong.  A fault is an async function of (response, plain, entry): plain() gives the
// answer that would have been sent, {status, headers, body}.
export const faults = {
  // retryAfter: seconds, a Date, or nothing.
  tooMany: (retryAfter) => (response, plain, entry) =>
    send(response, entry, {
      status: 429,
      body: "",
      headers:
        retryAfter === undefined
          ? {}
          : {
              "retry-after":
                retryAfter instanceof Date ? retryAfter.toUTCString() : String(retryAfter),
            },
    }),
  status:
    (status, body = "", headers = {}) =>
    (response, plain, entry) =>
      send(response, entry, { status, body, headers }),
  unauthorized: () => (response, plain, entry) => send(response, entry, signIn()),
  html: () => (response, plain, entry) =>
    send(response, entry, {
      status: 200,
      headers: { "content-type": "text/html; charset=utf-8" },
      body: "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Session expired</body></html>",
    }),
  // The head promises the whole body, then the connection ends in the middle of it.
  cut: () => (response, plain, entry) => {
    const { status, headers, body } = plain();
    entry.status = status;
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
    response.write(body.slice(0, body.length / 2), () => response.destroy());
  },
  reset: () => (response, plain, entry) => {
    entry.status = 0;
    response.socket.resetAndDestroy();
  },
  malformed: () => (response, plain, entry) => {
    const answer = plain();
    send(response, entry, { ...answer, body: answer.body.replace('"items":[{', '"items":[{,') });
  },
  // Well-formed JSON that is not the collection that was asked for.
  otherShape: () => (response, plain, entry) =>
    send(response, entry, {
      ...plain(),
      body: '{"rows":{"not":"a list"}}',
    }),
  // Half of the answer, and then nothing, for as long as the fake lives.
  stall: () => (response, plain, entry) => {
    const { status, headers, body } = plain();
    entry.status = status;
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
    response.write(body.slice(0, body.length / 2));
  },
  // Says what it was sent, as careless servers do: the token must not travel on from here.
  echo:
    (status = 400) =>
    (response, plain, entry) =>
      send(response, entry, {
        status,
        headers: { "content-type": problem },
        body: JSON.stringify({
          title: `Bad Request ${entry.headers.authorization}`,
          status: String(status),
          error: "invalid_client",
          error_description: `refused ${entry.headers.authorization} ${entry.body}`,
          "o:errorDetails": [
            {
              detail: `refused ${entry.headers.authorization} ${entry.body}`,
              "o:errorCode": "27520",
            },
          ],
        }),
      }),
};

function send(response, entry, { status, headers = {}, body = "" }) {
  entry.status = status;
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

const signIn = () => ({
  status: 401,
  body: "<html><body>401 Authorization Required</body></html>",
  headers: { "content-type": "text/html", "www-authenticate": 'Bearer error="invalid_token"' },
});

const refusal = (status, title, detail) => ({
  status,
  headers: { "content-type": problem },
  body: JSON.stringify({
    title,
    status: String(status),
    "o:errorDetails": [{ detail, "o:errorCode": "27520", "o:errorPath": "/" }],
  }),
});

const json = (status, value, headers = {}) => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(value),
});

export class Fusion {
  // items: how many, or an Items.  dialect: "reference" (plain parameters, finder) or "real" (q only).
  // maxPage: what a larger limit is cut to.  tokenLife: seconds announced.  tokenUses: data calls that
  // a token is good for.  version: said in the health answer's header.
  constructor({
    items = 100,
    dialect = "reference",
    maxPage = 500,
    tokenLife = 3600,
    tokenUses = Infinity,
    clientId = "tenon-client",
    clientSecret = `cs-${randomBytes(12).toString("hex")}`,
    scopes = ["urn:opc:resource:fa:instanceid=7", "urn:opc:resource:consumer::all"],
  } = {}) {
    Object.assign(this, { dialect, maxPage, tokenLife, tokenUses, clientId, clientSecret, scopes });
    this.items = items instanceof Items ? items : new Items(items);
    this.requests = []; // {kind, at, method, path, query, headers, body, status}
    this.tokens = new Map(); // token: uses left
    this.rules = [];
    this.repeatFirstPage = false;
    this.sockets = new Set();
  }

  async start() {
    this.server = http.createServer((request, response) => {
      this.#serve(request, response).catch((error) => response.destroy(error));
    });
    this.server.keepAliveTimeout = 60_000;
    this.server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    await new Promise((resolve) => {
      this.server.listen(0, "127.0.0.1", resolve);
    });
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async stop() {
    for (const rule of this.rules) rule.open?.();
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }

  // What an integration with this Fusion is configured with.
  get config() {
    return {
      fusionBaseUrl: this.url,
      tokenUrl: `${this.url}/oauth2/v1/token`,
      clientId: this.clientId,
      clientSecret: this.clientSecret,
      scopes: this.scopes,
      retryDelay: 20,
      dialect: this.dialect,
    };
  }

  // kind: "token", "items" or "any".  at: which request of that kind, from 1, counted from now.
  // offset: the page that begins there, instead of at.  times: for how many that match.
  fault(kind, fault, { at, offset, times = 1 } = {}) {
    this.rules.push({ kind, fault, at, offset, times, seen: 0 });
  }

  // Holds an answer back: await gate.reached, then gate.open() lets it go.
  hold(kind, where = {}) {
    let open;
    let reach;
    const opened = new Promise((resolve) => {
      open = resolve;
    });
    const gate = {
      open,
      reached: new Promise((resolve) => {
        reach = resolve;
      }),
    };
    const wait = async (response, plain, entry) => {
      reach(entry);
      await opened;
      if (!response.destroyed) send(response, entry, plain());
    };
    this.rules.push({ kind, fault: wait, times: 1, seen: 0, open, ...where });
    return gate;
  }

  // Forgets all that was to go wrong.
  heal() {
    this.rules = [];
  }

  // From now on no token that was given out is good any more.
  expireTokens() {
    this.tokens.clear();
  }

  of(kind) {
    return this.requests.filter((r) => r.kind === kind);
  }
  get tokenCalls() {
    return this.of("token").length;
  }
  get pages() {
    return this.of("items");
  }
  forget() {
    this.requests = [];
  }

  async #serve(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const url = new URL(request.url, this.url);
    const entry = {
      kind: url.pathname.endsWith("/token")
        ? "token"
        : url.pathname === `${base}/itemsV2`
          ? "items"
          : "other",
      at: performance.now(),
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      search: url.search,
      headers: request.headers,
      body: Buffer.concat(parts).toString("utf8"),
      status: null,
    };
    this.requests.push(entry);
    const plain = () => this.#answer(entry);
    const rule = this.#rule(entry);
    if (rule) await rule.fault(response, plain, entry);
    else send(response, entry, plain());
  }

  #rule(entry) {
    for (const rule of this.rules) {
      if (rule.kind !== "any" && rule.kind !== entry.kind) continue;
      rule.seen++;
      if (rule.times <= 0) continue;
      if (rule.at !== undefined && rule.seen < rule.at) continue;
      if (rule.offset !== undefined && rule.offset !== +(entry.query.offset ?? 0)) continue;
      rule.times--;
      return rule;
    }
    return null;
  }

  #answer(entry) {
    if (entry.kind === "token") return this.#token(entry);
    const stop = this.#guard(entry);
    if (stop) return stop;
    if (entry.method !== "GET") return refusal(405, "Method Not Allowed", entry.method);
    if (entry.kind === "items") return this.#page(entry.query, entry.headers);
    if (entry.path === `${base}/itemsV2/describe`) {
      return json(200, {
        Resources: { itemsV2: { attributes: [{ name: "ItemId", type: "integer" }] } },
      });
    }
    return refusal(404, "Not Found", entry.path);
  }

  #token(entry) {
    const form = new URLSearchParams(entry.body);
    const basic = /^Basic (.+)$/.exec(entry.headers.authorization ?? "");
    const [id, secret] = basic
      ? Buffer.from(basic[1], "base64").toString("utf8").split(/:(.*)/s).map(decode)
      : [form.get("client_id"), form.get("client_secret")];
    if (entry.method !== "POST") return json(405, { error: "invalid_request" });
    if (id !== this.clientId || secret !== this.clientSecret) {
      return json(401, {
        error: "invalid_client",
        ecid: "x7Yb",
        error_description: "Client authentication failed.",
      });
    }
    if (form.get("grant_type") !== "client_credentials")
      return json(400, { error: "unsupported_grant_type" });
    if (form.get("scope") !== this.scopes.join(" ")) return json(400, { error: "invalid_scope" });
    const token = `eyJ${randomBytes(900).toString("base64url")}`;
    this.tokens.set(token, this.tokenUses);
    return json(200, { access_token: token, token_type: "Bearer", expires_in: this.tokenLife });
  }

  // The answer to a call without a good token, or null.
  #guard(entry) {
    const token = /^Bearer (.+)$/.exec(entry.headers.authorization ?? "")?.[1];
    const left = this.tokens.get(token);
    if (!left) return signIn();
    this.tokens.set(token, left - 1);
    return null;
  }

  #page(query, headers) {
    const known =
      this.dialect === "real" ? ["q", ...commonNames] : [...referenceNames, ...commonNames];
    const unknown = Object.keys(query).find((name) => !known.includes(name));
    if (unknown)
      return refusal(400, "Bad Request", `URL request parameter ${unknown} is not valid.`);
    let rows;
    try {
      rows = this.#select(query, headers["rest-framework-version"] ?? "1");
    } catch (error) {
      return refusal(400, "Bad Request", error.message);
    }
    const limit = Math.min(+(query.limit ?? 25), this.maxPage);
    const offset = +(query.offset ?? 0);
    const from = this.repeatFirstPage ? 0 : offset;
    const page = rows.slice(from, from + limit);
    const hasMore = this.repeatFirstPage || from + page.length < rows.length;
    const here = `${this.url}${base}/itemsV2`;
    const options = {
      names: query.fields && new Set(query.fields.split(",")),
      links: query.onlyData === "true" ? undefined : here,
    };
    const total = query.totalResults === "true" ? `"totalResults":${rows.length},` : "";
    const next = hasMore
      ? `,{"rel":"next","href":"${here}?offset=${offset + page.length}&limit=${limit}",` +
        '"name":"itemsV2","kind":"collection"}'
      : "";
    return {
      status: 200,
      headers: { "content-type": collection },
      body:
        `{"items":[${page.map((i) => this.items.text(i, options)).join(",")}],${total}` +
        `"count":${page.length},"hasMore":${hasMore},"limit":${limit},"offset":${offset},` +
        `"links":[{"rel":"self","href":"${here}","name":"itemsV2","kind":"collection"}${next}]}`,
    };
  }

  // The numbers of the items that a query selects.
  #select(query, framework) {
    const wanted = [];
    if (query.organizationCode) wanted.push(["OrganizationCode", "=", query.organizationCode]);
    if (query.itemClass) wanted.push(["ItemClass", "=", query.itemClass]);
    if (query.finder) {
      const finder = /^findByLastUpdateDate;LastUpdateDate>=(.+)$/.exec(query.finder);
      if (!finder) throw new Error(`The finder ${query.finder} does not exist.`);
      wanted.push(["LastUpdateDate", ">=", finder[1]]);
    }
    if (query.q) wanted.push(...conditions(query.q, framework));
    const rows = [];
    for (let i = 0; i < this.items.count; i++) {
      if (wanted.every((condition) => holds(this.items, i, condition))) rows.push(i);
    }
    return rows;
  }
}

const decode = (text) => decodeURIComponent(text.replaceAll("+", " "));

// Version 1: Name=Value;Name=Value.  From 2: Name op 'value' and …, quotes doubled inside.
function conditions(q, framework) {
  if (+framework < 2) {
    return q.split(";").map((part) => {
      const equal = part.indexOf("=");
      if (equal < 0) throw new Error(`The query ${q} is not valid.`);
      return [part.slice(0, equal), "=", part.slice(equal + 1)];
    });
  }
  const found = [];
  const one = /\s*(\w+)\s*(>=|<=|=|>|<)\s*'((?:[^']|'')*)'\s*(and\s+|$)/iy;
  while (one.lastIndex < q.length) {
    const match = one.exec(q);
    if (!match) throw new Error(`The query ${q} is not valid.`);
    found.push([match[1], match[2], match[3].replaceAll("''", "'")]);
  }
  return found;
}

function holds(items, i, [name, operator, wanted]) {
  const raw = items.values(i)[name];
  if (raw === undefined) throw new Error(`The attribute ${name} does not exist.`);
  const value = JSON.parse(raw);
  if (operator === "=") return String(value) === wanted;
  const [left, right] = [Date.parse(value), Date.parse(wanted)];
  if (Number.isNaN(right)) throw new Error(`${wanted} is not a time.`);
  return { ">=": left >= right, "<=": left <= right, ">": left > right, "<": left < right }[
    operator
  ];
}
