// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { story } from "../harness/story.mjs";

const adapter = `\
local tn = require "tenon"
return tn.adapter {
  title = "Acme", type = "ERP", base = "baseUrl", auth = tn.auth.bearer { token = "token" },
  config = { tn.url "baseUrl" { required = true }, tn.secret "token" {} },
  operations = {
    sync_items = { title = "Items", entity = "item", direction = "pull", mapping = "acme/item",
      run = function(conn) conn:emit(conn:get("/parts"), "parts") end },
  },
}
`;
const mapping = `\
local map = require "tenon.map"
return map {
  reads = "acme.item", writes = "item", key = "partNumber",
  set = { partNumber = map.from "no" :text() :required() },
}
`;

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
  const site = stage.site();
  site.write("scripts/adapters/acme.lua", adapter);
  site.write("mappings/acme/item.lua", mapping);
  const { tenon } = await stage.plant({ items: 1, site, workers: 1 });
  const config = { baseUrl, token: "t-1" };
  await tenon.rest.create({ name: "acme", displayName: "Acme", type: "ERP", integrationType: "acme", enabled: true,
    config });
  const { body, text } = await tenon.rest.send("POST", "/integrations/acme/sync", { operation: "sync_items" });
  assert.equal(body.status, "SUCCESS", text);
  assert.deepEqual(seen, [
    ["erp", "/parts", "Bearer t-1"],
    ["erp", "/parts/", "Bearer t-1"],
    ["files", "/export?sig=1", undefined],
  ]);
});
