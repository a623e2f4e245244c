// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { faults } from "../fakes/fusion.mjs";
import * as shape from "../harness/shapes.mjs";
import { story } from "../harness/story.mjs";

// S0-107, S0-108, S0-110, S0-111, S0-114, S0-020
story(
  "each run leaves one log row whose counts are those of the answer; the list filters and pages",
  async (stage) => {
    const {
      fusion,
      tenon: { rest },
    } = await stage.plant({ items: 20 });
    const success = await rest.sync("fusion");
    fusion.items.edit(2, { ItemNumber: undefined });
    const partial = await rest.sync("fusion");
    fusion.fault("items", faults.html(), { times: Infinity });
    const failure = await rest.sync("fusion");
    fusion.heal();
    assert.deepEqual(
      [success.status, partial.status, failure.status],
      ["SUCCESS", "PARTIAL", "FAILURE"],
    );
    assert.deepEqual([success.success, failure.success], [true, false]);

    const logs = (query = "") =>
      rest.get(`/integrations/fusion/logs${query}`).then(shape.isLogPage);
    const all = await logs();
    assert.deepEqual([all.total, all.page, all.limit, all.totalPages], [3, 1, 50, 1]);
    assert.deepEqual(
      all.logs.map((l) => l.id),
      [failure.runId, partial.runId, success.runId],
      "newest first",
    );
    for (const [row, run] of [
      [all.logs[2], success],
      [all.logs[1], partial],
    ]) {
      assert.deepEqual(
        [row.recordCount, row.createdCount, row.updatedCount, row.unchangedCount, row.errorCount],
        [
          run.recordsProcessed,
          run.recordsCreated,
          run.recordsUpdated,
          run.recordsUnchanged,
          run.recordsFailed,
        ],
      );
      assert.equal(row.generation, run.generation);
      assert.ok(Math.abs(row.duration - run.duration) < 1000);
    }
    assert.equal((await logs("?status=PARTIAL")).logs[0].id, partial.runId);
    assert.equal((await logs("?status=PARTIAL&operation=sync_boms")).total, 0);
    assert.equal((await logs("?operation=sync_items&status=SUCCESS")).total, 1);
    assert.equal((await logs(`?startDate=${all.logs[1].createdAt}`)).total, 2);
    assert.equal((await logs(`?endDate=${all.logs[2].createdAt}`)).total, 1);
    const second = await logs("?page=2&limit=2");
    assert.deepEqual([second.logs.map((l) => l.id), second.totalPages], [[success.runId], 2]);
    assert.equal((await logs("?limit=101")).limit, 100, "lowered, and said");
    await rest.refused(422, "VALIDATION_ERROR", "GET", "/integrations/fusion/logs?status=GOOD");
    await rest.refused(400, "BAD_REQUEST", "GET", "/integrations/fusion/logs?limit=0");
    await rest.refused(
      422,
      "VALIDATION_ERROR",
      "GET",
      "/integrations/fusion/logs?startDate=yesterday",
    );

    const detail = await rest.run("fusion", failure.runId);
    shape.isLog(detail);
    assert.equal(detail.errors[0].code, "ERR_INVALID_RESPONSE");
    assert.equal((await rest.run("fusion", success.runId)).progress.done, 20);
    await rest.refused(
      404,
      "NOT_FOUND",
      "GET",
      "/integrations/fusion/logs/018f0000-0000-7000-8000-000000000000",
    );

    const row = (await rest.get("/integrations"))[0];
    assert.deepEqual(
      [row.totalSyncs, row.successCount, row.failureCount, row.lastSyncStatus],
      [3, 2, 1, "FAILURE"],
    );
    assert.match(row.lastSync, shape.instant);

    const unknown = await rest.refused(
      422,
      "VALIDATION_ERROR",
      "POST",
      "/integrations/fusion/sync",
      { operation: "sync_moons" },
    );
    assert.equal(unknown.details.field, "operation");
    await rest.refused(422, "VALIDATION_ERROR", "POST", "/integrations/fusion/sync", {});
    await rest.refused(404, "NOT_FOUND", "POST", "/integrations/nobody/sync", {
      operation: "sync_items",
    });
    await rest.want(200, "PUT", "/integrations/fusion", { enabled: false });
    await rest.refused(409, "CONFLICT", "POST", "/integrations/fusion/sync", {
      operation: "sync_items",
    });
  },
);
