// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { faults } from "../fakes/fusion.mjs";
import { story } from "../harness/story.mjs";

story("a sign-in page with status 200 is an error, never zero rows", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 30, config: { batchSize: 10 } });
  await tenon.rest.sync("fusion");
  fusion.fault("items", faults.html(), { times: Infinity });
  const answer = await tenon.rest.sync("fusion");
  assert.deepEqual([answer.success, answer.status], [false, "FAILURE"]);
  assert.equal(answer.errors[0].code, "ERR_INVALID_RESPONSE");
  assert.equal(await tenon.rest.itemCount(), 30, "nothing that was there is gone");

  fusion.heal();
  assert.equal((await tenon.rest.sync("fusion")).recordsUnchanged, 30);
});
