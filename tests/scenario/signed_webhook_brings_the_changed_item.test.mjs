// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { faults } from "../fakes/fusion.mjs";
import { call } from "../harness/rest.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const secret = "a webhook secret of more than 32 characters";
const sign = (body, key = secret) => createHmac("sha256", key).update(body).digest("hex");
const event = (type, n = 1) => JSON.stringify({ eventType: type, id: n, data: { ItemNumber: "PN-000003" } });
const updated = "oracle.apps.scm.items.itemUpdated";

// Posts a webhook as the upstream does: no key, a signature.
const post = (tenon, body, signature, name = "fusion") =>
  call(
    { host: "127.0.0.1", port: tenon.port },
    {
      method: "POST",
      path: `/api/v1/integrations/${name}/webhook`,
      body,
      headers: signature === undefined ? {} : { "x-hub-signature-256": signature },
    },
  );

story("a signed event brings the changed item without waiting for a schedule", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 20, config: { webhookSecret: secret } });
  await tenon.rest.sync("fusion");
  fusion.items.edit(3, { ItemDescription: '"changed upstream"', LastUpdateDate: `"${new Date().toISOString()}"` });
  const body = event(updated);
  const answer = await post(tenon, body, `sha256=${sign(body)}`);
  assert.deepEqual([answer.status, answer.body.status], [202, "accepted"], answer.text);
  await waitFor("the changed item", async () =>
    (await tenon.rest.allItems()).some((item) => item.partName === "changed upstream"));

  const runs = (await tenon.rest.get("/integrations/fusion/logs")).total;
  const again = await post(tenon, body, sign(body).toUpperCase());
  assert.deepEqual([again.status, again.body.status], [200, "duplicate"], "the same event has one effect");
  assert.equal((await tenon.rest.get("/integrations/fusion/logs")).total, runs);

  const unknown = event("oracle.apps.somebody.else");
  const ignored = await post(tenon, unknown, sign(unknown));
  assert.deepEqual([ignored.status, ignored.body.status], [202, "ignored"]);
});

story("an event that is not signed with the secret is refused, always in the same words", async (stage) => {
  const { tenon } = await stage.plant({ items: 5, config: { webhookSecret: secret } });
  const body = event(updated);
  const right = sign(body);
  const refused = [
    await post(tenon, body, undefined),
    await post(tenon, body.replace("PN", "PM"), right),
    await post(tenon, JSON.stringify(JSON.parse(body), null, 1), right),
    await post(tenon, body, sign(body, "another secret of more than 32 letters")),
    await post(tenon, body, `sha1=${right}`),
    await post(tenon, body, Buffer.from(right, "hex").toString("base64")),
    await post(tenon, body, ""),
    await post(tenon, body, right, "nobody"),
    ...(await Promise.all([1, 31, 63, 65, 4000].map((n) => post(tenon, body, "a".repeat(n))))),
  ];
  for (const { status, body: said, text } of refused) {
    assert.equal(status, 401, text);
    assert.equal(said.error.code, "ERR_WEBHOOK_SIGNATURE");
    assert.equal(said.error.message, refused[0].body.error.message);
  }
  assert.equal((await tenon.rest.get("/integrations/fusion/logs")).total, 0, "nothing ran");
});

story("an acknowledged event survives kill -9 and has its effect after the restart", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 20, config: { webhookSecret: secret } });
  await tenon.rest.sync("fusion");
  fusion.items.edit(3, { ItemDescription: '"after the crash"', LastUpdateDate: `"${new Date().toISOString()}"` });
  const gate = fusion.hold("items", { offset: 0 });
  const body = event(updated, 2);
  assert.equal((await post(tenon, body, sign(body))).status, 202);
  await tenon.killGroup();
  gate.open();
  await tenon.start();
  await waitFor("the changed item", async () =>
    (await tenon.rest.allItems()).some((item) => item.partName === "after the crash"));
});

story("the work of an event that fails is done again, and the event tells how it stands", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 5, config: { webhookSecret: secret, retryAttempts: 0 } });
  await tenon.rest.sync("fusion");
  fusion.items.edit(3, { ItemDescription: '"after the outage"', LastUpdateDate: `"${new Date().toISOString()}"` });
  fusion.fault("items", faults.status(400));
  const body = event(updated, 7);
  assert.equal((await post(tenon, body, sign(body))).status, 202);
  const stands = async () => (await tenon.rest.get("/inbound")).inbound[0];
  await waitFor("the failed run", async () => (await stands()).status === "WAITING");
  assert.deepEqual([(await stands()).failed, typeof (await stands()).reason], [1, "string"]);
  await waitFor("the run that goes well", async () => (await stands()).status === "DONE", { within: 20_000 });
  assert.ok((await tenon.rest.allItems()).some((item) => item.partName === "after the outage"));
});

story("a hundred events of one operation are done by few runs", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 5, config: { webhookSecret: secret } });
  await tenon.rest.sync("fusion");
  const gate = fusion.hold("items", { offset: 0 });
  await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    const body = event(updated, 1000 + i);
    assert.equal((await post(tenon, body, sign(body))).status, 202);
  }));
  gate.open();
  await waitFor(
    "all to be done",
    async () => (await tenon.rest.get("/inbound?status=DONE&limit=500")).inbound.length === 100,
    { within: 45_000 },
  );
  const runs = (await tenon.rest.get("/integrations/fusion/logs")).total;
  assert.ok(runs <= 12, `${runs} runs`);
});
