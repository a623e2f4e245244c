// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

story("an upstream that gives the same page for ever is seen through", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 50, config: { batchSize: 10 } });
  fusion.repeatFirstPage = true;
  const answer = await tenon.rest.sync("fusion");
  assert.equal(answer.success, false);
  assert.equal(answer.errors.at(-1).code, "ERR_INVALID_RESPONSE");
  assert.ok(fusion.pages.length <= 5, `${fusion.pages.length} pages were asked for`);
  assert.equal(await tenon.rest.itemCount(), 10, "each item once");
});
