// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { integration, story } from "../harness/story.mjs";

story(
  "without --allow-net an upstream on loopback is not called, however it is spelt",
  async (stage) => {
    const fusion = await stage.fusion({ items: 5 });
    const { rest } = await stage.tenon({ loopback: false });
    const hosts = [
      "127.0.0.1",
      "localhost",
      "0x7f000001",
      "2130706433",
      "127.1",
      "[::ffff:127.0.0.1]",
      "0.0.0.0",
    ];
    for (const [i, host] of hosts.entries()) {
      const url = `http://${host}:${fusion.port}`;
      const body = integration(fusion, {
        name: `f${i}`,
        config: { fusionBaseUrl: url, tokenUrl: `${url}/oauth2/v1/token`, retryAttempts: 0 },
      });
      const made = await rest.send("POST", "/integrations", body);
      assert.equal(made.status, 201, made.text);
      const answer = await rest.sync(`f${i}`);
      assert.deepEqual([answer.success, answer.recordsProcessed], [false, 0], host);
      assert.equal(answer.errors[0].code, "ERR_ADDRESS_NOT_ALLOWED", host);
      assert.match(answer.errors[0].message, /is not an address that may be called here; --allow-net opens it/);
    }
    assert.equal(fusion.requests.length, 0, "nothing reached it");
  },
);
