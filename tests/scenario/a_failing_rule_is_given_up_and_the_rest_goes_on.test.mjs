// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { noting, notes, place, rule, shop } from "../harness/orders.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const quarantine = async (tenon) => (await tenon.rest.get("/status")).quarantine;
const noted = (tenon, n) =>
  waitFor(`${n} notes`, async () => (await notes(tenon)).length >= n, { within: 20_000 });

story("a rule that fails is tried again and given up; other rules and events go on", async (stage) => {
  const site = shop(stage, {
    note_orders: noting("order.created"),
    broken: rule("order.created", 'error("the press is on fire")', '\n  retry = { "50ms", "50ms", "50ms" },'),
  });
  const tenon = await stage.tenon({ site });
  for (let i = 0; i < 5; i++) await place(tenon, `A${i}`);
  await noted(tenon, 5);
  await waitFor(
    "five that are given up",
    () => tenon.output.match(/rule broken is given up: event \d+ \(order.created\), try 4/g)?.length === 5,
    { within: 20_000 },
  );
  await tenon.logged(/given up: .*scripts\/rules\/broken\.lua:8: the press is on fire/);
  await place(tenon, "B");
  await noted(tenon, 6);
  assert.deepEqual(await quarantine(tenon), []);
});

story("a rule that loops stops the rules, and nobody else, until it is mended", async (stage) => {
  const site = shop(stage, {
    note_orders: noting("order.created"),
    hog: rule("shop.loop", "while true do end"),
  });
  const tenon = await stage.tenon({ site, workers: 2 });
  for (let i = 0; i < 3; i++) await tenon.rest.want(202, "POST", "//shop/events/shop.loop", {});
  await waitFor("the quarantine", async () => (await quarantine(tenon)).includes("rules"), { within: 20_000 });
  await tenon.logged(/error .*rules is in quarantine/);
  const id = await place(tenon, "A"); // the surface lives
  assert.equal((await tenon.rest.get(`/orders/${id}`)).number, "A");
  assert.deepEqual(await notes(tenon), [], "no rule runs");
  site.write("scripts/rules/hog.lua", rule("shop.loop", "return"));
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(await quarantine(tenon), []);
  await noted(tenon, 1);
  assert.equal((await notes(tenon))[0].about, id, "what came meanwhile was not lost");
});

story("rules are released by hand", async (stage) => {
  const site = shop(stage, {
    note_orders: noting("order.created"),
    hog: rule("shop.loop", "while true do end"),
  });
  const tenon = await stage.tenon({ site });
  await tenon.rest.refused(404, "NOT_FOUND", "POST", "/scripts/rules/release");
  for (let i = 0; i < 3; i++) await tenon.rest.want(202, "POST", "//shop/events/shop.loop", {});
  await waitFor("the quarantine", async () => (await quarantine(tenon)).includes("rules"), { within: 20_000 });
  await place(tenon, "A");
  await tenon.rest.want(200, "POST", "/scripts/rules/release");
  await noted(tenon, 1);
});

story("a rule that sets off itself ends after eight steps", async (stage) => {
  const site = shop(stage, {
    again: rule(
      "shop.again",
      'assert(store.transaction(function(tx) tx:create("note", { about = "again" }) tx:event("shop.again") end))',
    ),
    echo: noting("shop.once"),
  });
  const tenon = await stage.tenon({ site });
  await tenon.rest.want(202, "POST", "//shop/events/shop.again", {});
  await waitFor("the end", () => /rule again is given up: .*set off one another 8 times/.test(tenon.output));
  assert.equal((await notes(tenon)).length, 8);
  await tenon.rest.want(202, "POST", "//shop/events/shop.once", {});
  await noted(tenon, 9);
});

story("a rule on a webhook, or on what never happens, is refused at load", async (stage) => {
  const site = shop(stage);
  const tenon = await stage.tenon({ site });
  const tries = [
    [
      rule("order.create", "").replace('"order.create"', 'tn.webhook "x" { signature = "X-S" }'),
      /do not run on webhooks yet/,
    ],
    [rule("ordr.created", ""), /'ordr.created' never happens: there is no resource 'ordr'/],
    [rule("created", ""), /'created' is no event/],
    [rule("order.created", "", "\n  when = { data = { a = 1 } },"), /'when' compares 'data' with a value/],
  ];
  for (const [text, says] of tries) {
    site.write("scripts/rules/wrong.lua", text);
    const answer = await tenon.rest.send("POST", "/scripts/reload");
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.text, says);
    assert.match(answer.text, /scripts\/rules\/wrong\.lua/);
  }
});
