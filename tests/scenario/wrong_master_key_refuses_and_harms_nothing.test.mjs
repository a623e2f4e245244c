// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, modeOf } from "../harness/scratch.mjs";
import { story } from "../harness/story.mjs";

const right = createHash("sha256").update("right").digest("hex");
const wrong = createHash("sha256").update("wrong").digest("hex");

story(
  "a wrong, weak or missing master key refuses to start and overwrites nothing",
  async (stage) => {
    const env = { INTEGRATION_ENCRYPTION_KEY: right };
    const { fusion, tenon } = await stage.plant({ items: 5, env });
    await tenon.stop();
    for (const { path, bytes } of filesBelow(tenon.data)) {
      assert.ok(!bytes.includes(right), `${path} does not hold the key`);
    }
    const refused = async (key, says) => {
      const end = await stage
        .unstarted({ data: tenon.data, env: { INTEGRATION_ENCRYPTION_KEY: key } })
        .startFails();
      assert.equal(end.code, 1, end.output);
      assert.match(end.output, says);
      assert.ok(!key || !end.output.includes(key), "the key itself is not shown");
    };
    await refused(wrong, /is not the one that this data folder was sealed with/);
    await refused("w3ak", /the master key is too short/);
    await refused(undefined, /its master key is missing/);

    await tenon.start();
    assert.equal((await tenon.rest.sync("fusion")).recordsCreated, 5, "the config still opens");
    assert.equal(fusion.tokenCalls, 1);
  },
);

story(
  "a new data folder gets a key of its own, without which it does not start again",
  async (stage) => {
    const { tenon } = await stage.plant({ items: 5 });
    const file = join(tenon.data, "master.key");
    assert.equal(modeOf(file), 0o600);
    assert.equal(modeOf(join(tenon.data, "admin.key")), 0o600);
    assert.match(readFileSync(file, "utf8"), /^[0-9a-f]{64}\n?$/);
    await tenon.stop();
    renameSync(file, `${file}.away`);
    const end = await tenon.startFails();
    assert.equal(end.code, 1);
    assert.match(end.output, /its master key is missing/);
    renameSync(`${file}.away`, file);
    await tenon.start();
    assert.equal((await tenon.rest.sync("fusion")).recordsCreated, 5);
  },
);
