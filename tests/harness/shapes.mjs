// SPDX-License-Identifier: MIT
// shapes.mjs - the documented shapes of answers, as assertions.
import assert from "node:assert/strict";

export const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
export const digest = /^[0-9a-f]{64}$/;
export const mask = "********";

const statuses = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  GONE: 410,
  METHOD_NOT_ALLOWED: 405,
  CONFLICT: 409,
  DUPLICATE_KEY: 409,
  INVALID_STATE: 409,
  PRECONDITION_FAILED: 412,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  VALIDATION_ERROR: 422,
  RATE_LIMIT_EXCEEDED: 429,
  INTERNAL_ERROR: 500,
  SERVICE_UNAVAILABLE: 503,
  INSUFFICIENT_STORAGE: 507,
  ERR_WEBHOOK_SIGNATURE: 401,
  ERR_DATABASE: [500, 503], // it is damaged, or cannot be written for now
  ERR_SCRIPT: 500,
  ERR_SCRIPT_BUDGET: 500,
};

function has(value, name, check, where) {
  assert.ok(value !== null && typeof value === "object", `${where} is an object`);
  assert.ok(Object.hasOwn(value, name), `${where}.${name} is missing in ${JSON.stringify(value)}`);
  const got = value[name];
  const text = `${where}.${name} is ${JSON.stringify(got)}`;
  if (check instanceof RegExp) assert.ok(typeof got === "string" && check.test(got), text);
  else if (typeof check === "function") assert.ok(check(got), text);
  else if (Array.isArray(check)) assert.ok(check.includes(got), `${text}, not one of ${check}`);
  else assert.equal(got === null ? "null" : typeof got, check, text);
}

function all(value, where, members) {
  for (const [name, check] of Object.entries(members)) has(value, name, check, where);
  return value;
}

const count = (n) => Number.isInteger(n) && n >= 0;
const orNull = (pattern) => (v) => v === null || (typeof v === "string" && pattern.test(v));

// The error body, and that its code and the answer's status belong together.
export function isError(answer) {
  const { error } = all(answer.body, "body", { error: "object" });
  all(error, "error", {
    code: /^[A-Z][A-Z_]+$/,
    message: (m) => typeof m === "string" && m.length > 0,
    timestamp: instant,
    requestId: /^[A-Za-z0-9_-]{1,64}$/,
  });
  assert.equal(
    error.requestId,
    answer.headers["x-request-id"],
    "the body and the header name one id",
  );
  assert.ok(error.code in statuses, `${error.code} (${answer.status}) is not in the list of codes`);
  const fitting = [statuses[error.code]].flat();
  assert.ok(fitting.includes(answer.status), `${error.code} goes with ${fitting}, not ${answer.status}`);
  return error;
}

const row = {
  id: uuid7,
  name: "string",
  displayName: "string",
  type: ["ERP", "PLM"],
  integrationType: "string",
  enabled: "boolean",
  lastSync: orNull(instant),
  lastSyncStatus: (s) => s === null || ["SUCCESS", "PARTIAL", "FAILURE", "RUNNING"].includes(s),
  totalSyncs: count,
  successCount: count,
  failureCount: count,
};

export function isIntegrationRow(value) {
  all(value, "row", row);
  assert.ok(!("config" in value), "a row of the list has no config");
  return value;
}

export const isIntegration = (value) => all(value, "integration", { ...row, config: "object" });

export function isSyncAnswer(value) {
  all(value, "sync", {
    success: "boolean",
    status: ["SUCCESS", "PARTIAL", "FAILURE"],
    recordsProcessed: count,
    recordsCreated: count,
    recordsUpdated: count,
    recordsUnchanged: count,
    recordsFailed: count,
    errors: Array.isArray,
    duration: count,
    runId: uuid7,
    generation: orNull(digest),
  });
  assert.equal(
    value.recordsProcessed,
    value.recordsCreated + value.recordsUpdated + value.recordsUnchanged + value.recordsFailed,
    "processed is the sum of its parts",
  );
  assert.ok(value.errors.length <= 100, "at most 100 errors are listed");
  for (const e of value.errors) all(e, "errors[]", { code: /^ERR_[A-Z_]+$/, message: "string" });
  return value;
}

export function isLog(value) {
  return all(value, "log", {
    id: uuid7,
    operation: "string",
    direction: ["INBOUND", "OUTBOUND"],
    status: ["SUCCESS", "PARTIAL", "FAILURE", "RUNNING"],
    recordCount: count,
    successCount: count,
    errorCount: count,
    createdCount: count,
    updatedCount: count,
    unchangedCount: count,
    duration: (d) => d === null || count(d),
    createdAt: instant,
    finishedAt: orNull(instant),
    generation: orNull(digest),
    attempt: count,
  });
}

export function isLogPage(value) {
  all(value, "logs", {
    logs: Array.isArray,
    total: count,
    page: count,
    limit: count,
    totalPages: count,
  });
  value.logs.forEach(isLog);
  assert.equal(value.totalPages, Math.ceil(value.total / value.limit));
  return value;
}

export const isItem = (value) =>
  all(value, "item", {
    id: uuid7,
    partNumber: "string",
    createdAt: instant,
    updatedAt: instant,
  });

export function isItemPage(value) {
  all(value, "page", { items: Array.isArray, pagination: "object" });
  all(value.pagination, "pagination", {
    total: count,
    limit: count,
    offset: count,
    hasMore: "boolean",
    nextCursor: (c) => c === null || typeof c === "string",
  });
  value.items.forEach(isItem);
  return value;
}

export const isTest = (value) =>
  all(value, "test", {
    success: "boolean",
    message: "string",
    responseTime: count,
    version: (v) => v === null || typeof v === "string",
  });

export function isHealth(value) {
  all(value, "health", {
    connected: "boolean",
    responseTime: (n) => n === null || count(n),
    version: (v) => v === null || typeof v === "string",
    lastCheck: orNull(instant),
  });
  if (!value.connected && value.lastCheck) has(value, "error", (e) => e !== undefined, "health");
  return value;
}
