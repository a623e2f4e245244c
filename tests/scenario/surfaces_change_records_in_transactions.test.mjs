// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { place, shop } from "../harness/orders.mjs";
import { Rest } from "../harness/rest.mjs";
import { story } from "../harness/story.mjs";

story("forty who take from one order at once lose nothing", async (stage) => {
  const tenon = await stage.tenon({ site: shop(stage), workers: 2 });
  const id = await place(tenon, "A", { quantity: 41 });
  const takers = Array.from({ length: 8 }, () => new Rest(tenon.port, tenon.key));
  let taken = 0;
  await Promise.all(
    takers.map(async (rest) => {
      for (let i = 0; i < 5; ) {
        const answer = await rest.send("POST", "//shop/orders/A/take?by=x");
        if (answer.status === 409) continue; // eight conflicts in a row: its caller tries again
        assert.equal(answer.status, 200, answer.text);
        taken++;
        i++;
      }
      rest.close();
    }),
  );
  const order = await tenon.rest.get(`/orders/${id}`);
  assert.deepEqual([taken, order.quantity, order.version], [40, 1, 41]);
});

story("what the resource does not allow is answered with the field", async (stage) => {
  const tenon = await stage.tenon({ site: shop(stage) });
  for (const [body, says] of [
    [{}, /number/],
    [{ number: "A", quantity: 0 }, /quantity: it has to be 1 or more/],
    [{ number: "A", colour: "red" }, /colour: there is no such field/],
  ]) {
    const answer = await tenon.rest.send("POST", "//shop/orders", body);
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.text, says);
  }
  await place(tenon, "A");
  assert.match((await tenon.rest.send("POST", "//shop/orders", { number: "A" })).text, /has 'A' already/);
  assert.equal((await tenon.rest.send("POST", "//shop/orders/B/take")).status, 404);
  assert.equal((await tenon.rest.get("/orders?limit=10")).pagination.total, 1);
});

story("a key that reads cannot write through a surface, and without a key there are no records", async (stage) => {
  const tenon = await stage.tenon({ site: shop(stage) });
  await place(tenon, "A");
  const made = await tenon.rest.want(201, "POST", "/keys", { name: "reader", role: "read_only" });
  const reader = new Rest(tenon.port, made.key);
  assert.equal((await reader.send("POST", "//shop/orders", { number: "B" })).status, 403);
  const peek = await reader.send("GET", "//shop/peek");
  assert.equal(peek.status, 403, peek.text);
  reader.close();
  const nobody = new Rest(tenon.port, null);
  assert.deepEqual((await nobody.want(200, "GET", "//shop/open")), { kind: "forbidden" });
  nobody.close();
  assert.equal((await tenon.rest.get("/orders?limit=10")).pagination.total, 1);
});

story("what goes wrong in a surface is in the log, with the request that the caller was told", async (stage) => {
  const site = shop(stage);
  site.write(
    "scripts/surfaces/bad.lua",
    `local tn = require "tenon"
return tn.surface { path = "/bad", routes = {
  tn.route { "GET", "/error", function() error("broken here") end },
  tn.route { "GET", "/loop", function() while true do end end },
} }
`,
  );
  const tenon = await stage.tenon({ site, workers: 1 });
  for (const [path, line, says] of [
    ["error", 3, /broken here/],
    ["loop", 4, /CPU time/],
  ]) {
    const answer = await tenon.rest.send("GET", `//bad/${path}`);
    assert.ok(answer.status >= 500, answer.text);
    const id = answer.headers["x-request-id"];
    const said = await tenon.logged(new RegExp(id));
    assert.match(said, new RegExp(`GET /bad/${path}, request ${id}: scripts/surfaces/bad.lua:${line}: `));
    assert.match(said, says);
  }
});
