// SPDX-License-Identifier: MIT
// machines.mjs - a site with halls and machines, whose fields show every kind of fault, and a
// surface through which the same records go in a script's transaction.

const hall = `local tn = require "tenon"
return tn.resource {
  path = "/api/v1/halls", key = { "code" }, scope = "global",
  fields = { tn.text "code" { required = true } },
}
`;
const machine = `local tn = require "tenon"
return tn.resource {
  path = "/api/v1/machines", key = { "number" },
  fields = {
    tn.text "number" { required = true, min = 1, max = 10 },
    tn.text "kind" { values = { "mill", "lathe" } },
    tn.text "serial" { pattern = "^%u%d+$" },
    tn.text "tag" { unique = true },
    tn.int "axes" { min = 1, max = 9 },
    tn.decimal "price" {},
    tn.time "builtAt" {},
    tn.time "enteredAt" { generated = true },
    tn.uuid "hall" { ref = "hall" },
    tn.secret "pin" { min = 4, max = 12 },
    tn.list "tools" { of = "text", max = 2 },
    tn.state "status" { "new", new = { "running" }, running = { "stopped" }, stopped = {},
                        first = { "stopped" } },
  },
  list = { filter = { "number", "kind", "status", "builtAt" }, sort = { "number" }, page = { 50, max = 100 } },
}
`;
const surface = `local tn = require "tenon"
local store = require "tenon.store"
local function done(id, err)
  if err then
    return err.status, { faults = err.faults, message = err.message, kind = err.kind }
  end
  return 200, { id = id }
end
return tn.surface { path = "/plant", routes = {
  tn.route { "POST", "/machines", function(req)
    return done(store.transaction(function(tx) return tx:create("machine", req:json()) end))
  end },
  tn.route { "PUT", "/machines/{id}", function(req)
    return done(store.transaction(function(tx) tx:put("machine", req.params.id, req:json()) end))
  end },
  tn.route { "PATCH", "/machines/{id}", function(req)
    return done(store.transaction(function(tx) tx:patch("machine", req.params.id, req:json()) end))
  end },
  tn.route { "GET", "/machines/{id}", function(req)
    local read = store.get("machine", req.params.id)
    local inside = store.transaction(function(tx) return tx:get("machine", req.params.id) end)
    local rows = store.query("machine").rows
    return 200, { read = read and read.pin, inside = inside and inside.pin, listed = rows[1].pin }
  end },
} }
`;

export function plant(stage) {
  const site = stage.site();
  site.write("scripts/resources/hall.lua", hall);
  site.write("scripts/resources/machine.lua", machine);
  site.write("scripts/surfaces/plant.lua", surface);
  return site;
}

export const machines = async (tenon) => (await tenon.rest.get("/machines?limit=1")).pagination.total;
