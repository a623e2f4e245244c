// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as shape from "../harness/shapes.mjs";
import { story } from "../harness/story.mjs";

story("items are paged by offset and by cursor, filtered and sorted", async (stage) => {
  const {
    fusion,
    tenon: { rest },
  } = await stage.plant({ items: 130 });
  await rest.sync("fusion");
  const page = (query) => rest.get(`/items?${query}`).then(shape.isItemPage);
  const parts = (p) => p.items.map((item) => item.partNumber);

  const first = await page("");
  assert.deepEqual(
    [first.items.length, first.pagination.total, first.pagination.limit, first.pagination.hasMore],
    [50, 130, 50, true],
  );
  const last = await page("limit=50&offset=100");
  assert.deepEqual(
    [last.items.length, last.pagination.hasMore, last.pagination.nextCursor],
    [30, false, null],
  );
  assert.equal((await page("limit=501")).pagination.limit, 500, "lowered, and said");
  assert.equal((await page("offset=100000")).items.length, 0);
  const seen = new Set((await rest.allItems()).map((item) => item.partNumber));
  assert.equal(seen.size, 130, "the cursor brings each once");

  assert.deepEqual(parts(await page("partNumber=PN-000077")), ["PN-000077"]);
  for (const odd of ["PN-00007%25", "PN-00007_", "pn-000077", "' OR 1=1--", ""]) {
    assert.deepEqual(
      parts(await page(`partNumber=${encodeURIComponent(odd)}`)),
      [],
      `"${odd}" is taken literally`,
    );
  }
  const down = parts(await page("sort=partNumber&order=desc&limit=3"));
  assert.deepEqual(down, ["PN-000130", "PN-000129", "PN-000128"]);
  for (const query of [
    "limit=0",
    "limit=-1",
    "limit=abc",
    "limit=1&limit=2",
    "offset=-1",
    "offset=100001",
    "sort=__proto__",
    "order=up",
    "cursor=garbage",
    "colour=red",
  ]) {
    await rest.refused(400, "BAD_REQUEST", "GET", `/items?${query}`);
  }

  // A page by cursor is not disturbed by what comes in between.
  const one = await page("sort=partNumber&limit=40");
  fusion.items.edit(130, { ItemNumber: '"PN-000001-A"' });
  fusion.items.count = 131;
  await rest.sync("fusion");
  const two = await page(
    `sort=partNumber&limit=40&cursor=${encodeURIComponent(one.pagination.nextCursor)}`,
  );
  assert.equal(parts(two)[0], "PN-000041");

  const [{ id }] = one.items;
  const answer = await rest.send("GET", `/items/${id}`);
  assert.equal(answer.status, 200);
  shape.isItem(answer.body);
  assert.ok(answer.headers.etag);
  assert.equal(
    (await rest.send("GET", `/items/${id}`, undefined, { "if-none-match": answer.headers.etag }))
      .status,
    304,
  );
  for (const wrong of ["018f0000-0000-7000-8000-000000000000", "PN-000001", "0", "%27"]) {
    await rest.refused(404, "NOT_FOUND", "GET", `/items/${wrong}`);
  }
});
