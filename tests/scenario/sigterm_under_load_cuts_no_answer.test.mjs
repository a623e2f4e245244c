// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Load } from "../harness/load.mjs";
import { integration, story } from "../harness/story.mjs";

story(
  "SIGTERM under load: no answer is cut, the exit code is 0, and what was acknowledged stays",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 50 });
    await tenon.rest.sync("fusion");
    const ids = (await tenon.rest.allItems()).map((item) => item.id);
    const acknowledged = new Set();
    const body = integration(fusion);
    const load = new Load(tenon.port, {
      key: tenon.key,
      connections: 12,
      rate: 600,
      next: (i) =>
        i % 4
          ? { method: "GET", path: `/api/v1/items/${ids[i % ids.length]}` }
          : {
              method: "POST",
              path: "/api/v1/integrations",
              tag: `made-${i}`,
              body: { ...body, name: `made-${i}` },
            },
      onAnswer: (request, answer) => {
        if (request.tag && answer.status === 201) acknowledged.add(request.tag);
      },
    });
    await load.more(300);
    await tenon.stop();
    const sum = await load.stop();
    stage.note(JSON.stringify(sum));
    assert.equal(sum.cut, 0, JSON.stringify(sum));
    // A request that crosses the close of an idle connection was never taken on.
    assert.ok(sum.unanswered <= 12, JSON.stringify(sum));
    for (const status of Object.keys(sum.statuses)) {
      assert.ok(["200", "201", "503"].includes(status), JSON.stringify(sum.statuses));
    }
    assert.ok(acknowledged.size > 50, `${acknowledged.size} writes were acknowledged`);
    await tenon.start();
    const present = new Set((await tenon.rest.get("/integrations")).map((row) => row.name));
    assert.deepEqual(
      [...acknowledged].filter((n) => !present.has(n)),
      [],
    );
  },
);
