// SPDX-License-Identifier: MIT
// The fake itself, asked by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { call } from "../harness/rest.mjs";
import { faults, Fusion } from "./fusion.mjs";

const path = "/fscmRestApi/resources/11.13.18.05/itemsV2";

async function withFusion(options, play) {
  const fusion = await new Fusion(options).start();
  const target = { host: "127.0.0.1", port: fusion.port };
  const token = async (secret = fusion.clientSecret) =>
    call(target, {
      method: "POST",
      path: "/oauth2/v1/token",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        grant_type: "client_credentials",
        scope: fusion.scopes.join(" "),
        client_id: fusion.clientId,
        client_secret: secret,
      }).toString(),
    });
  const bearer = (await token()).body.access_token;
  const ask = (query, headers = {}) =>
    call(target, {
      path: `${path}?${query}`,
      headers: { authorization: `Bearer ${bearer}`, ...headers },
      timeout: 1000,
    });
  try {
    await play({ fusion, target, token, ask });
  } finally {
    await fusion.stop();
  }
}

test("the token end takes Basic and body, and refuses a wrong secret", () =>
  withFusion({}, async ({ fusion, target, token }) => {
    assert.equal((await token("wrong")).status, 401);
    const basic = Buffer.from(`${fusion.clientId}:${fusion.clientSecret}`).toString("base64");
    const answer = await call(target, {
      method: "POST",
      path: "/oauth2/v1/token",
      headers: {
        authorization: `Basic ${basic}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams({
        grant_type: "client_credentials",
        scope: fusion.scopes.join(" "),
      }).toString(),
    });
    assert.equal(answer.status, 200);
    assert.ok(answer.body.access_token.length > 1024);
    assert.equal(fusion.tokenCalls, 3);
  }));

test("pages are clamped, numbers keep their text, links tell the next page", () =>
  withFusion({ items: 30, maxPage: 20 }, async ({ ask }) => {
    const first = await ask("limit=100");
    assert.deepEqual([first.body.count, first.body.limit, first.body.hasMore], [20, 20, true]);
    assert.match(first.text, /"ItemId":300000047274444,/);
    assert.match(first.text, /"UnitWeight":0\.10,/);
    assert.match(first.text, /"UnitWeight":12345678901234567890,/);
    const last = await ask("limit=100&offset=20&onlyData=true&totalResults=true");
    assert.deepEqual([last.body.count, last.body.hasMore, last.body.totalResults], [10, false, 30]);
    assert.ok(!last.text.includes("itemsV2/"));
  }));

test("each dialect takes its own filters and refuses the other's", async () => {
  await withFusion({ items: 30 }, async ({ ask }) => {
    assert.equal((await ask("organizationCode=M2")).body.count, 10);
    assert.equal((await ask("itemClass=Model&limit=50")).body.count, 7);
    assert.equal(
      (await ask("finder=findByLastUpdateDate;LastUpdateDate%3E%3D2024-10-01T00:28:00%2B00:00"))
        .body.count,
      2,
    );
    assert.equal((await ask("q=OrganizationCode=M2")).status, 400);
  });
  await withFusion({ items: 30, dialect: "real" }, async ({ ask }) => {
    const four = { "rest-framework-version": "4" };
    assert.equal((await ask("organizationCode=M2")).status, 400);
    assert.equal((await ask("q=OrganizationCode=M2")).body.count, 10);
    assert.equal(
      (
        await ask(
          `q=${encodeURIComponent("OrganizationCode='M2' and LastUpdateDate>='2024-10-01T00:28:00+00:00'")}`,
          four,
        )
      ).body.count,
      1,
    );
    assert.equal((await ask("q=OrganizationCode=M2", four)).status, 400);
  });
});

test("tokens end: after so many calls, and when the story says so", () =>
  withFusion({ tokenUses: 2 }, async ({ fusion, ask }) => {
    assert.deepEqual(
      [(await ask("")).status, (await ask("")).status, (await ask("")).status],
      [200, 200, 401],
    );
    fusion.expireTokens();
    assert.equal((await ask("")).status, 401);
  }));

test("faults come when they should and pass", () =>
  withFusion({ items: 10 }, async ({ fusion, ask }) => {
    fusion.fault("items", faults.tooMany(1), { at: 2 });
    const codes = [await ask(""), await ask(""), await ask("")].map((a) => a.status);
    assert.deepEqual(codes, [200, 429, 200]);
    fusion.fault("items", faults.cut());
    await assert.rejects(ask(""));
    fusion.fault("items", faults.stall());
    await assert.rejects(ask(""));
    fusion.fault("items", faults.malformed());
    await assert.rejects(ask(""), SyntaxError);
    fusion.fault("items", faults.html());
    assert.match((await ask("")).headers["content-type"], /html/);
  }));

test("a held page is answered when its gate opens", () =>
  withFusion({ items: 10 }, async ({ fusion, ask }) => {
    const gate = fusion.hold("items", { offset: 5 });
    const answer = ask("offset=5");
    const entry = await gate.reached;
    assert.equal(entry.query.offset, "5");
    assert.equal(entry.status, null);
    gate.open();
    assert.equal((await answer).body.count, 5);
  }));

test("an edited item and an item without its key", () =>
  withFusion({ items: 3 }, async ({ fusion, ask }) => {
    fusion.items.edit(1, { UnitWeight: "0.20", ItemNumber: undefined });
    const { text, body } = await ask("");
    assert.match(text, /"UnitWeight":0\.20/);
    assert.deepEqual(
      body.items.map((i) => "ItemNumber" in i),
      [true, false, true],
    );
  }));
