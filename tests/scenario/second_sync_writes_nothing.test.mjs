// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

story("a second sync finds every item unchanged and writes none", async (stage) => {
  const { tenon } = await stage.plant({ items: 120 });
  await tenon.rest.sync("fusion");
  const before = await tenon.rest.allItems();

  const again = await tenon.rest.sync("fusion");
  assert.deepEqual(
    [
      again.status,
      again.recordsProcessed,
      again.recordsUnchanged,
      again.recordsCreated,
      again.recordsUpdated,
    ],
    ["SUCCESS", 120, 120, 0, 0],
  );
  assert.deepEqual(await tenon.rest.allItems(), before, "neither times nor versions moved");
});
