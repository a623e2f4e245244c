// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

story("an integration deleted in the middle of a sync takes its run along", async (stage) => {
  const { fusion, tenon } = await stage.plant({ items: 400, config: { batchSize: 50 } });
  const gate = fusion.hold("items", { offset: 200 });
  await tenon.rest.startSync("fusion");
  await gate.reached;
  const { status } = await tenon.rest.send("DELETE", "/integrations/fusion");
  assert.equal(status, 204);
  await waitFor("the end of the run", () => /sync_items.*cancelled/i.test(tenon.output));
  gate.open();
  assert.ok(!fusion.pages.some((p) => +p.query.offset > 200), "the rest was not fetched");
  assert.ok((await tenon.rest.itemCount()) <= 200);
  assert.equal((await tenon.rest.send("GET", "/integrations/fusion")).status, 404);
});
