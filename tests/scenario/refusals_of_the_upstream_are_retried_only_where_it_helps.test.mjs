// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { faults } from "../fakes/fusion.mjs";
import { story } from "../harness/story.mjs";

story(
  "503 is asked again and passes; 403 and 400 are not, and say what they are",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({
      items: 20,
      config: { batchSize: 10, retryAttempts: 3 },
    });
    fusion.fault("items", faults.status(503), { offset: 10, times: 2 });
    assert.equal((await tenon.rest.sync("fusion")).status, "SUCCESS");
    assert.deepEqual(
      fusion.pages.map((p) => p.status),
      [200, 503, 503, 200],
    );

    fusion.forget();
    fusion.fault("items", faults.status(403, "no privilege"), { times: Infinity });
    const denied = await tenon.rest.sync("fusion");
    assert.deepEqual([denied.success, denied.errors[0].code], [false, "ERR_PERMISSION_DENIED"]);
    assert.equal(fusion.pages.length, 1);
    assert.equal(fusion.tokenCalls, 0, "no new login on 403");

    fusion.heal();
    fusion.forget();
    fusion.fault("items", faults.echo(400), { times: Infinity });
    const refused = await tenon.rest.sync("fusion");
    assert.deepEqual([refused.success, refused.errors[0].code], [false, "ERR_UPSTREAM"]);
    assert.equal(fusion.pages.length, 1);

    fusion.heal();
    fusion.forget();
    fusion.fault("items", faults.status(503), { times: Infinity });
    const down = await tenon.rest.sync("fusion");
    assert.equal(down.success, false);
    assert.equal(fusion.pages.length, 4, "once and three retries");
  },
);
