// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Load } from "../harness/load.mjs";
import { integration, story } from "../harness/story.mjs";

const reads = (id) => ({ method: "GET", path: `/api/v1/items/${id}` });

story(
  "kill -9 of each child in turn under load: it is replaced and nothing acknowledged is lost",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({ items: 50 });
    await tenon.rest.sync("fusion");
    const ids = (await tenon.rest.allItems()).map((item) => item.id);
    const acknowledged = new Set();
    const body = integration(fusion);
    const load = new Load(tenon.port, {
      key: tenon.key,
      connections: 12,
      rate: 500,
      next: (i) =>
        i % 5
          ? reads(ids[i % ids.length])
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
    stage.defer(() => load.stop());
    await load.more(200);

    const victims = tenon.children();
    assert.deepEqual(victims.map((p) => p.title).sort(), [
      "tenon: store",
      "tenon: worker 1",
      "tenon: worker 2",
    ]);
    for (const victim of victims) {
      const heir = await tenon.replace(victim);
      assert.notEqual(heir.pid, victim.pid);
      await load.more(150);
    }
    await tenon.ready();
    const sum = await load.stop();
    stage.note(JSON.stringify(sum));

    // A dead worker takes its open connections with it, once; the rest is answered.
    assert.equal(sum.cut, 0, JSON.stringify(sum));
    assert.ok(sum.unanswered <= 12 * 2, JSON.stringify(sum));
    for (const status of Object.keys(sum.statuses)) {
      assert.ok(["200", "201", "503"].includes(status), JSON.stringify(sum.statuses));
    }
    assert.ok(acknowledged.size > 50, `${acknowledged.size} writes were acknowledged`);

    const present = async () =>
      new Set((await tenon.rest.get("/integrations")).map((row) => row.name));
    const lost = async () => {
      const now = await present();
      return [...acknowledged].filter((n) => !now.has(n));
    };
    assert.deepEqual(await lost(), []);
    await tenon.killGroup();
    await tenon.start();
    assert.deepEqual(await lost(), [], "nor after a power cut");
    assert.equal(await tenon.rest.itemCount(), 50);
  },
);
