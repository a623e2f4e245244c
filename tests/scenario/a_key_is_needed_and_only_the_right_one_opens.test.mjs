// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";
import { talk } from "../harness/wire.mjs";

story("without the right key nothing opens", async (stage) => {
  const tenon = await stage.tenon();
  const { key, port } = tenon;
  const flipped = key.slice(0, -1) + (key.endsWith("a") ? "b" : "a");
  const ask = async (lines, path = "/api/v1/integrations") => {
    const text = [`GET ${path} HTTP/1.1`, "Host: x", ...lines, "", ""].join("\r\n");
    const { answers } = await talk(port, text, { quiet: 100 });
    assert.equal(answers.length, 1, lines.join());
    return answers[0];
  };
  const bearer = `Authorization: Bearer ${key}`;
  for (const right of [bearer, `X-API-Key: ${key}`, `authorization: bearer ${key}`]) {
    assert.equal((await ask([right])).status, 200, right);
  }
  const basic = Buffer.from(`admin:${key}`).toString("base64");
  const wrong = [
    [],
    ["Authorization: Bearer "],
    [`Authorization: Basic ${basic}`],
    [`Authorization: ${key}`],
    [`Authorization: Bearer ${flipped}`],
    [`Authorization: Bearer ${key.slice(0, -1)}`],
    [`Authorization: Bearer ${key}0`],
    [`Authorization: Bearer ${key.toUpperCase()}`],
    [`X-API-Key: ${flipped}`],
    [`Authorization: Bearer tnn_live_${"A".repeat(32_000)}`],
  ];
  const said = new Set();
  for (const lines of wrong) {
    const answer = await ask(lines);
    assert.equal(answer.status, 401, lines.join().slice(0, 80));
    const { error } = JSON.parse(answer.body);
    assert.equal(error.code, "UNAUTHORIZED");
    if (/^(Authorization: Bearer|X-API-Key:) ./.test(lines[0])) said.add(error.message);
  }
  assert.equal(said.size, 1, `of a key that is not right, what is wrong is not told: ${[...said]}`);
  assert.equal(
    (await ask([], `/api/v1/integrations?key=${key}&api_key=${key}`)).status,
    401,
    "not in the query",
  );
  assert.equal((await ask([bearer, bearer])).status, 400, "two Authorization headers");
  assert.equal(
    (await ask([`X-API-Key: ${key}`, `X-API-Key: ${key}`])).status,
    400,
    "two X-API-Key headers",
  );
  assert.equal((await ask([bearer, `X-API-Key: ${flipped}`])).status, 400, "two that differ");
  assert.equal((await ask([], "/api/v1/nowhere")).status, 401, "what there is, is not told");
  assert.equal((await ask([], "/metrics")).status, 401);
  assert.equal((await ask([], "/healthz")).status, 200);
  assert.equal((await ask([], "/readyz")).status, 200);
});

story(
  "keys are made, listed without the key itself, limited by role, and revoked at once",
  async (stage) => {
    const { tenon } = await stage.plant({ items: 5 });
    const made = await tenon.rest.want(201, "POST", "/keys", { name: "reader", role: "read_only" });
    assert.match(made.key, /^tnn_live_/);
    assert.ok(made.key.startsWith(made.prefix) && made.prefix.length < made.key.length / 2);
    const list = await tenon.rest.send("GET", "/keys");
    assert.ok(list.text.includes(made.id) && !list.text.includes(made.key));

    const as = { authorization: `Bearer ${made.key}` };
    await tenon.rest.want(200, "GET", "/items", undefined, as);
    await tenon.rest.want(200, "GET", "/integrations/fusion", undefined, as);
    for (const [method, path, body] of [
      ["POST", "/integrations", { name: "x" }],
      ["PUT", "/integrations/fusion", {}],
      ["DELETE", "/integrations/fusion"],
      ["POST", "/integrations/fusion/sync", { operation: "sync_items" }],
      ["POST", "/scripts/reload"],
      ["POST", "/keys", { name: "y", role: "admin" }],
    ]) {
      await tenon.rest.refused(403, "FORBIDDEN", method, path, body, as);
    }
    await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/keys", { name: "x", role: "king" });
    await tenon.rest.refused(403, "FORBIDDEN", "GET", "/items", undefined, {
      "x-mes-team-id": "999",
    });

    await tenon.rest.want(204, "DELETE", `/keys/${made.id}`);
    await waitFor(
      "every worker to refuse the key",
      async () => {
        const answers = [];
        for (let i = 0; i < 8; i++) {
          answers.push(
            (await tenon.rest.send("GET", "/items", undefined, { ...as, connection: "close" }))
              .status,
          );
        }
        return answers.every((status) => status === 401);
      },
      { within: 2000 },
    );
    await tenon.rest.refused(404, "NOT_FOUND", "DELETE", `/keys/${made.id}`);
  },
);
