-- scripts/adapters/oracle_fusion.lua: Oracle Fusion Cloud ERP, over its REST resources and OAuth 2.0
local tn     = require "tenon"
local page   = require "std.page"
local oauth2 = require "std.oauth2"
local time   = require "tenon.time"

local ITEM_CLASSES = { "Root", "Purchased", "Manufactured", "Model" }
local SCOPES = { "urn:opc:resource:fa", "urn:opc:resource:consumer::all" }

local function resource(conn, name)
  return "/fscmRestApi/resources/" .. conn.config.releaseVersion .. "/" .. name
end

-- 2024-10-01T00:00:00+00:00; on the wire the plus becomes %2B.
local function oracle_time(text)
  return time.format(assert(time.parse(text)), "%Y-%m-%dT%H:%M:%S+00:00")
end

-- A value inside a row match: quotes around it, its own quotes doubled.
local function quoted(text)
  return "'" .. text:gsub("'", "''") .. "'"
end

-- ---- the two dialects: how the integration guide has it, and how Fusion does it ----

local dialects = {}

-- Plain parameters, and a comparison inside the finder.
function dialects.reference(filters)
  local query = { organizationCode = filters.organizationCode, itemClass = filters.itemClass }
  if filters.modifiedSince then
    query.finder = "findByLastUpdateDate;LastUpdateDate>=" .. oracle_time(filters.modifiedSince)
  end
  return query, {}
end

-- Row match in q, which framework version 2 and later have; 4 gives errors as JSON.  Sorted by what is
-- unique, since pages are no snapshot.
function dialects.real(filters)
  local all = {}
  if filters.organizationCode then all[#all + 1] = "OrganizationCode=" .. quoted(filters.organizationCode) end
  if filters.itemClass then all[#all + 1] = "ItemClass=" .. quoted(filters.itemClass) end
  if filters.modifiedSince then all[#all + 1] = "LastUpdateDate>=" .. quoted(oracle_time(filters.modifiedSince)) end
  return { q = #all > 0 and table.concat(all, " and ") or nil, onlyData = "true", orderBy = "ItemId,OrganizationId" },
    { options = { headers = { ["REST-Framework-Version"] = "4" } }, first = { totalResults = "true" } }
end

local function sync_items(conn, filters)
  local query, options = dialects[conn.config.dialect](filters)
  page.offset(conn, resource(conn, "itemsV2"), query, options)
end

-- ---- is it there, and may we? ----

local function missing_scopes(conn)
  local asked, missing = " " .. table.concat(conn.config.scopes or {}, " "), {}
  for _, scope in ipairs(SCOPES) do
    if not asked:find(" " .. scope, 1, true) then missing[#missing + 1] = scope end
  end
  return missing
end

local function explain_refusal(conn, err)
  local missing = missing_scopes(conn)
  if err.kind == "denied" and #missing > 0 then
    tn.fail("denied", "Fusion accepts the client, but not for items; the config lacks the scope "
      .. table.concat(missing, " and ") .. " (" .. err.message .. ")")
  elseif err.kind == "denied" then
    tn.fail("denied", "Fusion accepts the client, but not for items: its user lacks a role with the privilege to view "
      .. "items (Product Information Management), or the token lacks a scope (" .. err.message .. ")")
  elseif err.message:find("HTTP 404", 1, true) then
    tn.fail("upstream", "Fusion has no resource itemsV2 in release " .. conn.config.releaseVersion
      .. "; check fusionBaseUrl and releaseVersion, and the user's privilege to view items (" .. err.message .. ")")
  end
  error(err, 0)
end

-- One row of what the syncs will read: the address, the token, the scope and the privilege at once.
local function health(conn)
  local _, options = dialects[conn.config.dialect]({})
  local good, err = pcall(conn.get, conn, resource(conn, "itemsV2"), { limit = 1 }, options.options)
  if not good then explain_refusal(conn, err) end
  return { version = conn.config.releaseVersion }
end

return tn.adapter {
  title  = "Oracle Fusion Cloud ERP", type = "ERP",
  config = {
    tn.url "oicBaseUrl" { title = "OIC base URL", help = "https://your-instance.oic.oraclecloud.com" },
    tn.url "fusionBaseUrl" { title = "Fusion base URL", required = true,
                             help = "https://your-instance.fa.oraclecloud.com" },
    tn.text "clientId" { title = "Client ID", required = true, min = 1 },
    tn.secret "clientSecret" { title = "Client secret", required = true, min = 1 },
    tn.url "tokenUrl" { title = "Token URL", required = true,
                        help = "https://<tenant>.identity.oraclecloud.com/oauth2/v1/token" },
    tn.list "scopes" { title = "Scopes", of = "text", default = SCOPES,
                       help = "usually urn:opc:resource:fa:instanceid=<id> and urn:opc:resource:consumer::all" },
    tn.secret "webhookSecret" { title = "Webhook secret", min = 32 },
    tn.int "syncInterval" { title = "Sync interval (minutes)", default = 60, min = 1 },
    tn.int "batchSize" { title = "Records per page", default = 100, min = 1, max = 10000 },
    tn.int "timeout" { title = "Timeout (ms)", default = 30000, min = 100, max = 3600000 },
    tn.int "retryAttempts" { title = "Retry attempts", default = 3, min = 0, max = 10 },
    tn.int "retryDelay" { title = "Retry delay (ms)", default = 1000, min = 0, max = 600000 },
    tn.text "dialect" { title = "Dialect", default = "reference", values = { "reference", "real" },
                        help = "reference: parameters as in the integration guide; real: as Fusion itself has them" },
    tn.text "releaseVersion" { title = "Release in the path", default = "11.13.18.05", pattern = "^%d[%d.]*$" },
    tn.text "authStyle" { title = "Client credentials in", default = "basic", values = { "basic", "body" },
                          help = "basic: the Authorization header; body: the form" },
  },
  base   = "fusionBaseUrl",
  auth   = oauth2.client_credentials { token_url = "tokenUrl", id = "clientId", secret = "clientSecret",
                                       scopes = "scopes", style = "authStyle" },
  health = health,
  -- Business events by way of an OIC flow.  They are hints: what changed is read from Fusion again.
  webhook = tn.webhook { signature = "X-Hub-Signature-256", secret = "webhookSecret", id = "body", runs = {
    ["oracle.apps.scm.items.itemCreated"] = { operation = "sync_items", since = "modifiedSince" },
    ["oracle.apps.scm.items.itemUpdated"] = { operation = "sync_items", since = "modifiedSince" },
  } },
  operations = {
    sync_items = {
      title = "Items", entity = "item", direction = "pull", mapping = "oracle_fusion/item",
      filters = { tn.text "organizationCode" { min = 1, max = 50 }, tn.text "itemClass" { values = ITEM_CLASSES },
                  tn.time "modifiedSince" {} },
      run = sync_items,
    },
  },
}
