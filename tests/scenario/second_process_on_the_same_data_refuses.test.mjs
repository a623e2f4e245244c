// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

story(
  "a second process on the same data folder refuses, and the first does not notice",
  async (stage) => {
    const { tenon } = await stage.plant({ items: 10 });
    await tenon.rest.sync("fusion");
    const second = await stage.unstarted({ data: tenon.data }).startFails();
    assert.equal(second.code, 1);
    assert.match(second.output, /data is in use by another tenon serve/);
    assert.equal(await tenon.rest.itemCount(), 10);
    assert.equal((await tenon.rest.sync("fusion")).recordsUnchanged, 10);
    assert.equal(
      (await tenon.command(["sync", "fusion", "sync_items"])).code,
      0,
      "the socket is still the first's",
    );
  },
);
