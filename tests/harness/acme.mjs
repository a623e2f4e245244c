// SPDX-License-Identifier: MIT
// acme.mjs - a small adapter of a site's own, whose operation sync_items reads one list of parts, and its mapping.

// config and more are lines of the adapter's declaration.
const adapter = ({ config = "", more = "" }) => `\
local tn = require "tenon"
return tn.adapter {
  title = "Acme", type = "ERP", base = "baseUrl",
  config = { tn.url "baseUrl" { required = true }, ${config} },
  ${more}
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

export function writeAcme(site, declared) {
  site.write("scripts/adapters/acme.lua", adapter(declared));
  site.write("mappings/acme/item.lua", mapping);
  return site;
}

// Makes the integration `name` with this config and runs it once: the run's answer.
export async function syncAcme(rest, name, config) {
  await rest.create({ name, displayName: name, type: "ERP", integrationType: "acme", enabled: true, config });
  const { body } = await rest.send("POST", `/integrations/${name}/sync`, { operation: "sync_items" });
  return body;
}
