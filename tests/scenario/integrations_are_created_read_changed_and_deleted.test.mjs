// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as shape from "../harness/shapes.mjs";
import { integration, story } from "../harness/story.mjs";

// S0-100 … S0-106, S0-040
story("an integration is created, read, changed and deleted", async (stage) => {
  const fusion = await stage.fusion();
  const { rest } = await stage.tenon();
  assert.deepEqual(await rest.get("/integrations"), [], "a bare array, empty at first");

  const answer = await rest.send(
    "POST",
    "/integrations",
    integration(fusion, { config: { webhookSecret: "h".repeat(32) } }),
  );
  assert.equal(answer.status, 201, answer.text);
  const made = shape.isIntegration(answer.body);
  assert.equal(answer.headers.location, `/api/v1/integrations/${made.id}`);
  assert.deepEqual([made.config.clientSecret, made.config.webhookSecret], [shape.mask, shape.mask]);
  assert.deepEqual(
    [made.totalSyncs, made.successCount, made.failureCount, made.lastSync, made.lastSyncStatus],
    [0, 0, 0, null, null],
  );

  const list = await rest.get("/integrations");
  assert.equal(list.length, 1);
  shape.isIntegrationRow(list[0]);
  assert.deepEqual(await rest.get(`/integrations/${made.id}`), made);
  assert.deepEqual(await rest.get("/integrations/fusion"), made, "the name is as good as the id");
  await rest.refused(404, "NOT_FOUND", "GET", "/integrations/nobody");
  await rest.refused(404, "NOT_FOUND", "GET", "/integrations/018f0000-0000-7000-8000-000000000000");

  await rest.refused(409, "CONFLICT", "POST", "/integrations", integration(fusion));
  assert.equal((await rest.get("/integrations")).length, 1);

  const changed = await rest.want(200, "PUT", "/integrations/fusion", {
    displayName: "Plant 2",
    config: { batchSize: 25 },
  });
  assert.deepEqual(
    [changed.displayName, changed.config.batchSize, changed.config.clientId, changed.id],
    ["Plant 2", 25, fusion.clientId, made.id],
  );

  assert.equal((await rest.send("DELETE", "/integrations/fusion")).status, 204);
  await rest.refused(404, "NOT_FOUND", "GET", "/integrations/fusion");
  await rest.refused(404, "NOT_FOUND", "DELETE", "/integrations/fusion");
  await rest.create(integration(fusion));
});

story(
  "an integration with only what is required carries the documented defaults",
  async (stage) => {
    const { rest } = await stage.tenon();
    const { config } = await rest.create({
      name: "oracle_fusion_prod",
      displayName: "Production",
      type: "ERP",
      integrationType: "oracle_fusion",
      enabled: true,
      config: {
        fusionBaseUrl: "https://fusion.example.com",
        tokenUrl: "https://id.example.com/oauth2/v1/token",
        clientId: "c",
        clientSecret: "s",
        scopes: ["urn:opc:resource:fa"],
      },
    });
    const { syncInterval, batchSize, timeout, retryAttempts, retryDelay } = config;
    assert.deepEqual(
      { syncInterval, batchSize, timeout, retryAttempts, retryDelay },
      { syncInterval: 60, batchSize: 100, timeout: 30000, retryAttempts: 3, retryDelay: 1000 },
    );
  },
);

story("a secret that is left out or sent back masked stays as it was", async (stage) => {
  const {
    fusion,
    tenon: { rest },
  } = await stage.plant({ items: 3 });
  await rest.want(200, "PUT", "/integrations/fusion", { displayName: "a" });
  await rest.want(200, "PUT", "/integrations/fusion", { config: { clientSecret: shape.mask } });
  await rest.want(200, "PUT", "/integrations/fusion", await rest.get("/integrations/fusion"));
  assert.equal((await rest.sync("fusion")).recordsCreated, 3);
  fusion.clientSecret = "rotated";
  fusion.expireTokens();
  const old = await rest.sync("fusion");
  assert.deepEqual([old.success, old.errors[0].code], [false, "ERR_OAUTH_INVALID"]);
  await rest.want(200, "PUT", "/integrations/fusion", { config: { clientSecret: "rotated" } });
  assert.equal((await rest.sync("fusion")).recordsUnchanged, 3);
});

story("the list of integrations is a bare array, and with a limit it comes in pages", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 5 });
  const { rest } = tenon;
  for (let i = 0; i < 6; i++) await rest.create(integration(fusion, { name: `plant-${i}` }));
  await rest.sync("plant-3");
  const whole = await rest.send("GET", "/integrations");
  assert.equal(whole.headers.link, undefined, "all of them need no page");
  assert.equal(whole.body.length, 7);
  const rows = [];
  for (let path = "/integrations?limit=3"; path; ) {
    const page = await rest.send("GET", path);
    assert.equal(page.status, 200, page.text);
    assert.ok(page.body.length <= 3);
    for (const row of page.body) rows.push(shape.isIntegrationRow(row));
    path = /^<\/api\/v1(\/integrations\?limit=3&cursor=[^>]+)>; rel="next"$/.exec(page.headers.link ?? "")?.[1];
  }
  assert.deepEqual(rows, whole.body);
  assert.equal((await rest.send("GET", "/integrations?limit=99999")).body.length, 7);
  for (const limit of ["0", "x", "-1", ""])
    assert.equal((await rest.send("GET", `/integrations?limit=${limit}`)).status, 400, limit);
});
