// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

story(
  "wrong credentials end the run with ERR_OAUTH_INVALID and are not tried again and again",
  async (stage) => {
    const { fusion, tenon } = await stage.plant({
      items: 10,
      config: { clientSecret: "not-the-secret" },
    });
    const answer = await tenon.rest.sync("fusion");
    assert.deepEqual(
      [answer.success, answer.status, answer.recordsProcessed],
      [false, "FAILURE", 0],
    );
    assert.equal(answer.errors[0].code, "ERR_OAUTH_INVALID");
    assert.match(
      answer.errors[0].message,
      /invalid_client|Client authentication failed|credentials/,
    );
    assert.ok(fusion.tokenCalls <= 2, `the token end was asked ${fusion.tokenCalls} times`);
    assert.equal(fusion.pages.length, 0);

    const test = await tenon.rest.want(200, "POST", "/integrations/fusion/test");
    assert.equal(test.success, false);

    await tenon.rest.want(200, "PUT", "/integrations/fusion", {
      config: { clientSecret: fusion.clientSecret },
    });
    assert.equal(
      (await tenon.rest.sync("fusion")).recordsCreated,
      10,
      "the right ones work at once",
    );
  },
);
