// SPDX-License-Identifier: MIT
// orders.mjs - a site with orders and notes, a surface that changes them in transactions, and rules.

const order = `local tn = require "tenon"
return tn.resource {
  path = "/api/v1/orders", key = { "number" },
  fields = { tn.text "number" { required = true }, tn.int "quantity" { min = 1, default = 1 },
             tn.state "status" { "open", open = { "done" }, done = {} } },
  list = { filter = { "number", "status" }, sort = { "number" } },
}
`;
const note = `local tn = require "tenon"
return tn.resource {
  path = "/api/v1/notes",
  fields = { tn.text "about" { required = true }, tn.int "event", tn.text "text" },
  list = { filter = { "about", "text" }, sort = { "event" } },
}
`;
const surface = `local tn = require "tenon"
local store = require "tenon.store"
local event = require "tenon.event"
local routes = {}

routes[1] = tn.route { "POST", "/orders", function(req)
  return 201, { id = assert(store.transaction(function(tx) return tx:create("order", req:json()) end)) }
end }
routes[2] = tn.route { "POST", "/orders/{number}/take", function(req)
  local left, err = store.transaction(function(tx)
    local o = tx:find("order", { number = req.params.number })
    if not o then tn.fail("not_found", "there is no such order") end
    tx:patch("order", o.id, { quantity = o.quantity - 1 })
    tx:event("order.taken", { by = req.query.by }, { record = { "order", o.id } })
    return o.quantity - 1
  end)
  if not left then return err.status, { error = err.kind } end
  return 200, { left = left }
end }
routes[3] = tn.route { "POST", "/events/{type}", function(req)
  assert(event.emit(req.params.type, req:json()))
  return 202, {}
end }
routes[4] = tn.route { "GET", "/peek", function()
  return 200, { n = #store.query("order").rows, write = select(2, store.transaction(function(tx)
    return tx:create("order", { number = "peek" })
  end)) }
end }
routes[5] = tn.route { "GET", "/open", function()
  local rows, err = store.query("order")
  return 200, { rows = rows and #rows.rows, kind = err and err.kind }
end, auth = "none" }
return tn.surface { path = "/shop", routes = routes }
`;

// Writes a note that names the event.
export const noting = (on, more = "") => `local tn = require "tenon"
local store = require "tenon.store"
return tn.rule {
  on = ${JSON.stringify(on).replace(/^\[/, "{").replace(/\]$/, "}")},${more}
  run = function(event)
    assert(store.transaction(function(tx)
      tx:create("note", { about = event.record and event.record.id or "nothing", event = event.number,
                          text = event.type })
    end))
  end,
}
`;

export const rule = (on, body, more = "") => `local tn = require "tenon"
local store = require "tenon.store"
local event_log = require "tenon.event"
return tn.rule {
  on = "${on}",${more}
  run = function(event)
    ${body}
  end,
}
`;

// A site folder with all of it and these rules: { name: text }.
export function shop(stage, rules = {}) {
  const site = stage.site();
  site.write("scripts/resources/order.lua", order);
  site.write("scripts/resources/note.lua", note);
  site.write("scripts/surfaces/shop.lua", surface);
  for (const [name, text] of Object.entries(rules)) site.write(`scripts/rules/${name}.lua`, text);
  return site;
}

export const place = async (tenon, number, more = {}) =>
  (await tenon.rest.want(201, "POST", "//shop/orders", { number, ...more })).id;
export const notes = async (tenon, query = "") =>
  (await tenon.rest.get(`/notes?limit=500${query}`)).notes;
