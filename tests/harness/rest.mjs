// SPDX-License-Identifier: MIT
// rest.mjs - the REST API as a client sees it.  Every answer is held against what all must have.
import assert from "node:assert/strict";
import http from "node:http";
import { exact } from "./exact.mjs";
import * as shape from "./shapes.mjs";

// One request; gives {status, headers, text, body}; body is the parsed JSON or undefined.
export function call(
  target,
  { method = "GET", path, headers = {}, body, agent, timeout = 30_000 },
) {
  const payload =
    body === undefined || typeof body === "string" || Buffer.isBuffer(body)
      ? body
      : JSON.stringify(body);
  const all = { ...headers };
  if (payload !== undefined) {
    all["content-length"] = Buffer.byteLength(payload);
    if (!Object.keys(all).some((name) => name.toLowerCase() === "content-type")) {
      all["content-type"] = "application/json";
    }
  }
  return new Promise((resolve, reject) => {
    const request = http.request({ ...target, method, path, headers: all, agent, timeout });
    request.on("timeout", () => request.destroy(new Error(`${method} ${path}: no answer in time`)));
    request.on("error", reject);
    request.on("response", (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("aborted", () => reject(new Error(`${method} ${path}: the answer was cut`)));
      response.on("end", () => {
        try {
          resolve(answerOf(response, Buffer.concat(parts).toString("utf8")));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.end(payload);
  });
}

function answerOf(response, text) {
  const answer = { status: response.statusCode, headers: response.headers, text, body: undefined };
  if (/json/.test(response.headers["content-type"] ?? "") && text !== "") {
    answer.body = JSON.parse(text);
  }
  return answer;
}

export class Rest {
  constructor(port, key) {
    this.target = { host: "127.0.0.1", port };
    this.key = key;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  close() {
    this.agent.destroy();
  }

  // A request with the key whose answer may look like anything: for surfaces.
  sendPlain(method, path, body, headers = {}) {
    const root = path.startsWith("//");
    return call(this.target, {
      method,
      path: root ? path.slice(1) : `/api/v1${path}`,
      body,
      agent: this.agent,
      headers: { ...(this.key ? { authorization: `Bearer ${this.key}` } : {}), ...headers },
    });
  }

  // Any request with the key.  Below /api/v1 unless the path begins with //.
  async send(method, path, body, headers) {
    const root = path.startsWith("//");
    const answer = await this.sendPlain(method, path, body, headers);
    assert.match(
      answer.headers["x-request-id"] ?? "",
      /^[A-Za-z0-9_-]{1,64}$/,
      `${method} ${path} answers ${answer.status} with a request id`,
    );
    if (answer.status >= 400 && !(root && answer.status === 503)) shape.isError(answer);
    return answer;
  }

  // The parsed body of a request that must answer so.
  async want(status, method, path, body, headers) {
    const answer = await this.send(method, path, body, headers);
    assert.equal(
      answer.status,
      status,
      `${method} ${path} answers ${answer.status} ${answer.text}`,
    );
    return answer.body;
  }

  get(path) {
    return this.want(200, "GET", path);
  }

  // The error object of a request that must fail so.
  async refused(status, code, method, path, body, headers) {
    const answer = await this.send(method, path, body, headers);
    assert.equal(
      answer.status,
      status,
      `${method} ${path} answers ${answer.status} ${answer.text}`,
    );
    assert.equal(answer.body.error.code, code);
    return answer.body.error;
  }

  async create(integration) {
    return shape.isIntegration(await this.want(201, "POST", "/integrations", integration));
  }

  async sync(name, operation = "sync_items", rest = {}) {
    const body = { operation, filters: {}, ...rest };
    return shape.isSyncAnswer(await this.want(200, "POST", `/integrations/${name}/sync`, body));
  }

  // Starts a run and does not wait for its end: its id.
  async startSync(name, operation = "sync_items", rest = {}) {
    const answer = await this.send("POST", `/integrations/${name}/sync`, {
      operation,
      filters: {},
      wait: false,
      ...rest,
    });
    assert.equal(answer.status, 202, answer.text);
    assert.equal(answer.body.status, "RUNNING");
    assert.match(answer.body.runId, shape.uuid7);
    assert.match(answer.headers.location ?? "", new RegExp(`/logs/${answer.body.runId}$`));
    return answer.body.runId;
  }

  run(name, runId) {
    return this.get(`/integrations/${name}/logs/${runId}`);
  }

  async itemCount() {
    return shape.isItemPage(await this.get("/items?limit=1")).pagination.total;
  }

  // All items, page after page by cursor, as exact() shows them.
  async allItems() {
    const found = [];
    let cursor = "";
    do {
      const { text } = await this.send("GET", `/items?limit=500${cursor}`);
      const page = shape.isItemPage(JSON.parse(text));
      found.push(...exact(text).items);
      cursor = page.pagination.nextCursor
        ? `&cursor=${encodeURIComponent(page.pagination.nextCursor)}`
        : "";
    } while (cursor);
    return found;
  }

  // The one item with this part number.
  async item(partNumber) {
    const { text } = await this.send("GET", `/items?partNumber=${encodeURIComponent(partNumber)}`);
    shape.isItemPage(JSON.parse(text));
    const { items } = exact(text);
    assert.equal(items.length, 1, `one item is called ${partNumber}: ${text}`);
    return items[0];
  }
}
