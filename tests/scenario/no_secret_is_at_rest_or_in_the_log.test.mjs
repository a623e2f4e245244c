// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { faults } from "../fakes/fusion.mjs";
import { mask } from "../harness/shapes.mjs";
import { filesBelow } from "../harness/scratch.mjs";
import { story } from "../harness/story.mjs";

// All spellings in which a secret might lie about.
const spellings = (secret) => [
  secret,
  Buffer.from(secret).toString("base64").replace(/=+$/, ""),
  Buffer.from(secret).toString("hex"),
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
];

story(
  "no secret of a config, and no token, is in a file, an answer, a command line or the log",
  async (stage) => {
    const clientSecret = "canary-client-secret-2f9c7e";
    const webhookSecret = "canary-webhook-secret-81d0aa-and-then-some";
    const { fusion, tenon } = await stage.plant({
      items: 60,
      fusion: { clientSecret },
      config: { batchSize: 20, webhookSecret, retryAttempts: 1 },
      env: { DEBUG: "*" },
    });
    const secrets = [fusion.clientSecret, webhookSecret];
    const answers = [];
    const see = async (method, path, body) =>
      answers.push((await tenon.rest.send(method, path, body)).text);

    // The good way, the ways that go wrong, and an upstream that gives back what it was sent.
    await see("POST", "/integrations/fusion/sync", { operation: "sync_items" });
    for (const [kind, fault] of [
      ["items", faults.echo(400)],
      ["items", faults.echo(500)],
      ["token", faults.echo(401)],
      ["token", faults.echo(400)],
      ["items", faults.unauthorized()],
    ]) {
      if (kind === "token") fusion.expireTokens();
      fusion.fault(kind, fault, { times: Infinity });
      await see("POST", "/integrations/fusion/sync", { operation: "sync_items" });
      await see("POST", "/integrations/fusion/test");
      await see("GET", "/integrations/fusion/health?fresh=1");
      await see("GET", "/integrations/fusion/health");
      fusion.heal();
    }
    await see("PUT", "/integrations/fusion", { config: { clientSecret: 7, webhookSecret } });
    await see("PUT", "/integrations/fusion", {
      config: { clientSecret: mask, nonsense: webhookSecret },
    });
    for (const path of [
      "/integrations",
      "/integrations/fusion",
      "/integrations/fusion/logs",
      "/scripts",
      "/keys",
      "/status",
      "//metrics",
    ])
      await see("GET", path);
    await see("PUT", "/integrations/fusion", { config: { authStyle: "body" } });
    fusion.expireTokens();
    fusion.fault("token", faults.echo(400), { times: 1 });
    await see("POST", "/integrations/fusion/sync", { operation: "sync_items" });
    for (const row of (await tenon.rest.get("/integrations/fusion/logs")).logs) {
      await see("GET", `/integrations/fusion/logs/${row.id}`);
    }
    fusion.heal();
    await see("PUT", "/integrations/fusion", { config: { timeout: 29000 } });
    const gate = fusion.hold("items", { offset: 20 });
    await tenon.rest.startSync("fusion");
    await gate.reached;

    for (const request of fusion.requests) {
      const sent = request.headers.authorization;
      if (sent?.startsWith("Bearer ")) secrets.push(sent.slice(7));
    }
    for (const token of fusion.tokens.keys()) secrets.push(token);
    const basic = Buffer.from(`${fusion.clientId}:${fusion.clientSecret}`).toString("base64");
    const look = (where, text) => {
      for (const secret of [...new Set(secrets)].flatMap(spellings).concat(basic)) {
        assert.ok(!text.includes(secret), `${where} holds ${secret.slice(0, 30)}`);
      }
    };
    const everywhere = () => {
      for (const { path, bytes } of filesBelow(tenon.data)) {
        look(path, bytes);
        if (basename(path) !== "admin.key")
          assert.ok(!bytes.includes(tenon.key), `${path} holds the admin key`);
      }
      look("the log", tenon.output);
      assert.ok(!tenon.output.includes(tenon.key), "the log holds the admin key");
    };
    everywhere();
    for (const { pid } of tenon.children()) {
      look("a command line", readFileSync(`/proc/${pid}/cmdline`));
    }
    for (const text of answers) look("an answer", text);
    assert.ok(secrets.length >= 4);

    gate.open();
    await tenon.stop();
    everywhere();
  },
);
