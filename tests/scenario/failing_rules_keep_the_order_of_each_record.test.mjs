// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { place, shop } from "../harness/orders.mjs";
import { story } from "../harness/story.mjs";
import { pause, waitFor } from "../harness/wait.mjs";

const KILLS = Number(process.env.TENON_RULE_KILLS ?? 4);
const ORDERS = 20;
const STEPS = KILLS > 20 ? 1 : 10;

// Fails now and then, and notes the event otherwise.
const moody = `local tn = require "tenon"
local store = require "tenon.store"
return tn.rule {
  on = "order.updated", retry = { "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms" },
  run = function(event)
    if math.random() < 0.3 then error("not now") end
    assert(store.transaction(function(tx)
      tx:create("note", { about = event.record.id, event = event.seq })
    end))
  end,
}
`;

const allNotes = async (tenon) => {
  const found = [];
  for (let offset = 0; ; offset += 500) {
    const { notes } = await tenon.rest.get(`/notes?limit=500&offset=${offset}`);
    found.push(...notes);
    if (notes.length < 500) return found;
  }
};

story("rules that fail for a while, and workers that die: each record's events keep their order", async (stage) => {
  const tenon = await stage.tenon({ site: shop(stage, { moody }), workers: 2 });
  const ids = [];
  for (let i = 0; i < ORDERS; i++) ids.push(await place(tenon, `A${i}`));
  for (let kill = 0; kill < KILLS; kill++) {
    const before = new Set((await allNotes(tenon)).map((n) => n.event)).size;
    for (let step = 0; step < STEPS; step++)
      for (const id of ids) await tenon.rest.want(200, "PATCH", `/orders/${id}`, { quantity: 2 + kill * STEPS + step });
    const pids = tenon.children("worker").map((p) => p.pid);
    await pause(Math.random() * 150); // the moment is what varies
    process.kill(pids[kill % pids.length], "SIGKILL");
    await waitFor("another worker", () => {
      const now = tenon.children("worker").map((p) => p.pid);
      return now.length === 2 && !now.includes(pids[kill % pids.length]);
    });
    tenon.rest.agent.destroy();
    const want = before + ORDERS * STEPS;
    await waitFor(
      `${want} events to be noted`,
      async () => new Set((await allNotes(tenon)).map((n) => n.event)).size >= want,
      { within: 60_000 },
    );
  }
  const notes = await allNotes(tenon);
  for (const id of ids) {
    const first = [...new Set(notes.filter((n) => n.about === id).map((n) => n.event))];
    assert.equal(first.length, KILLS * STEPS, "no event was lost");
    assert.deepEqual(first, [...first].sort((a, b) => a - b), "first effects come in the order of the events");
  }
  assert.equal((await tenon.rest.get("/quarantine?status=open")).total, 0, "no rule was given up");
}, { timeout: 60_000 + KILLS * 15_000 });
