// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { call } from "../harness/rest.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const secret = "a webhook secret of more than 32 characters";
const megabyte = "x".repeat(1_000_000);

// An event that nobody has an operation for is stored all the same.
const event = (n) => JSON.stringify({ eventType: "nobody.asked", id: n, data: megabyte });

const post = (tenon, body) =>
  call(
    { host: "127.0.0.1", port: tenon.port },
    {
      method: "POST",
      path: "/api/v1/integrations/fusion/webhook",
      body,
      headers: {
        "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
      },
    },
  );

// The store process stands still; what a worker may keep for it (64 MiB) fills up.
story(
  "when the store cannot keep up, writers are told to come again, and what was accepted is kept",
  async (stage) => {
    const { tenon } = await stage.plant({ items: 3, workers: 1, config: { webhookSecret: secret } });
    await tenon.rest.sync("fusion");
    const [store] = tenon.children("store");
    process.kill(store.pid, "SIGSTOP");
    stage.defer(() => {
      try {
        process.kill(store.pid, "SIGCONT");
      } catch {
        /* it is gone already */
      }
    });
    const bodies = Array.from({ length: 80 }, (_, n) => event(n));
    const answers = [];
    const all = bodies.map((body, n) => post(tenon, body).then((a) => (answers[n] = a)));
    const refused = () => answers.flatMap((a, n) => (a?.status === 503 ? [n] : []));
    await waitFor("answers to those that are too many", () => refused().length >= 10, {
      within: 30_000,
    });
    for (const n of refused()) {
      assert.equal(answers[n].body.error.code, "SERVICE_UNAVAILABLE", answers[n].text);
      assert.match(String(answers[n].headers["retry-after"]), /^[1-9][0-9]*$/);
    }
    assert.equal(answers.filter((a) => a && a.status !== 503).length, 0, "nothing is acknowledged yet");
    assert.equal(await tenon.rest.itemCount(), 3, "reads go on");

    process.kill(store.pid, "SIGCONT");
    await Promise.all(all);
    const kept = answers.flatMap((a, n) => (a.status === 202 ? [n] : []));
    assert.equal(kept.length + refused().length, bodies.length, "each has one of the two answers");
    assert.ok(kept.length >= 40, `${kept.length} of ${bodies.length} found room`);

    for (const n of refused()) assert.equal((await post(tenon, bodies[n])).status, 202, "come again");
    for (const n of kept)
      assert.equal((await post(tenon, bodies[n])).body.status, "duplicate", `event ${n} is stored`);
  },
  { timeout: 120_000 },
);
