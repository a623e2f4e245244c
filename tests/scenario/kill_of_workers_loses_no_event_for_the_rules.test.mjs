// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { noting, notes, place, shop } from "../harness/orders.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// Whichever worker runs the rules: both are killed in turn while events come in.
story("kill -9 of the workers in the middle: every event still reaches its rule", async (stage) => {
  const site = shop(stage, { note_orders: noting("order.created") });
  const tenon = await stage.tenon({ site, workers: 2 });
  const ids = new Set();
  const refused = [];
  let more = true;
  const customer = (async () => {
    for (let i = 0; more || i < 120; i++) {
      try {
        ids.add(await place(tenon, `A${i}`));
      } catch (error) {
        refused.push(error.message);
        tenon.rest.agent.destroy(); // the worker that had it is gone
      }
    }
  })();
  for (const { pid } of tenon.children("worker")) {
    await waitFor("some notes", async () => (await notes(tenon).catch(() => [])).length > 3);
    process.kill(pid, "SIGKILL");
    await waitFor("another worker in its place", () => {
      const pids = tenon.children("worker").map((p) => p.pid);
      return pids.length === 2 && !pids.includes(pid);
    });
  }
  more = false;
  await customer;
  assert.ok(ids.size >= 100 && refused.length <= 10, refused.join("\n"));
  const orders = (await tenon.rest.get("/orders?limit=500")).orders.map((o) => o.id);
  for (const id of ids) assert.ok(orders.includes(id), "what was acknowledged is there");
  await waitFor(
    "a note for each order",
    async () => {
      const about = new Set((await notes(tenon)).map((n) => n.about));
      return orders.every((id) => about.has(id));
    },
    { within: 30_000 },
  );
});
