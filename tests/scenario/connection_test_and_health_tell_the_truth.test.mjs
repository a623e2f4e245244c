// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { faults } from "../fakes/fusion.mjs";
import * as shape from "../harness/shapes.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

// S0-109, S0-112
story(
  "connection test and health say whether the upstream is there, and change nothing",
  async (stage) => {
    const {
      fusion,
      tenon: { rest },
    } = await stage.plant({ items: 5 });
    const test = () => rest.want(200, "POST", "/integrations/fusion/test").then(shape.isTest);
    const health = (query = "") =>
      rest.get(`/integrations/fusion/health${query}`).then(shape.isHealth);

    assert.deepEqual(
      [(await test()).success, (await test()).message],
      [true, "Connection successful"],
    );
    const good = await health();
    assert.equal(good.connected, true);
    assert.ok(fusion.requests.length > fusion.tokenCalls, "the upstream was asked");
    assert.ok(
      fusion.requests.every((r) => r.method === "GET" || r.kind === "token"),
      "nothing was written upstream",
    );
    assert.equal(await rest.itemCount(), 0);
    assert.equal((await rest.get("/integrations/fusion/logs")).total, 0);

    fusion.fault("any", faults.status(503, "down"), { times: Infinity });
    assert.equal((await health()).connected, true, "what was seen last, at once");
    const down = await health("?fresh=1");
    assert.equal(down.connected, false);
    await waitFor(
      "the new look to be remembered",
      async () => (await health()).connected === false,
    );
    const failed = await test();
    assert.equal(failed.success, false);
    assert.notEqual(failed.message, "Connection successful");

    fusion.heal();
    fusion.fault("any", faults.html(), { times: Infinity });
    assert.equal((await health("?fresh=1")).connected, false, "a sign-in page is not health");
    fusion.heal();
    assert.equal((await health("?fresh=1")).connected, true);

    const silent = fusion.hold("any");
    const began = Date.now();
    const late = await health("?fresh=1");
    assert.ok(Date.now() - began < 5000, "a silent upstream does not hold the answer up");
    assert.ok(!late.connected || late.stale, JSON.stringify(late));
    silent.open();
    await rest.refused(404, "NOT_FOUND", "POST", "/integrations/nobody/test");
  },
);
