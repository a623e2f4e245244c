// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { syncAcme, writeAcme } from "../harness/acme.mjs";
import { story } from "../harness/story.mjs";

async function serve(stage, answer) {
  const server = http.createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stage.defer(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

story("case 19: an export at another origin is read without credentials", async (stage) => {
  const seen = [];
  const files = await serve(stage, (request, response) => {
    seen.push(["files", request.url, request.headers.authorization]);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ parts: [{ no: "R-1" }] }));
  });
  const baseUrl = await serve(stage, (request, response) => {
    seen.push(["erp", request.url, request.headers.authorization]);
    const location = request.url === "/parts" ? "/parts/" : `${files}/export?sig=1`;
    response.writeHead(request.url === "/parts" ? 301 : 302, { location }).end();
  });
  const site = writeAcme(stage.site(), {
    config: 'tn.secret "token" {}',
    more: 'auth = tn.auth.bearer { token = "token" },',
  });
  const { tenon } = await stage.plant({ items: 1, site, workers: 1 });
  const run = await syncAcme(tenon.rest, "acme", { baseUrl, token: "t-1" });
  assert.equal(run.status, "SUCCESS", JSON.stringify(run));
  assert.deepEqual(seen, [
    ["erp", "/parts", "Bearer t-1"],
    ["erp", "/parts/", "Bearer t-1"],
    ["files", "/export?sig=1", undefined],
  ]);
});
