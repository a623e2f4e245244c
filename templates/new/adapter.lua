-- new/adapter.lua: an adapter with its mappings and its test; from a description of OpenAPI, or made up.
local json     = require "tenon.json"
local openapi  = require "new.openapi"
local proposal = require "new.proposal"
local record   = require "new.record"
local text     = require "new.text"

local FILE = [[
-- scripts/adapters/@NAME@.lua: how to speak to @TITLE@.  tenon show add-an-adapter explains each part.
local tn   = require "tenon"
@PAGE_REQUIRE@
return tn.adapter {
  title  = @TITLE_TEXT@, type = "ERP",
  -- an integration brings these; the API checks them, fills in defaults, and shows no secret
  config = {
@CONFIG@
  },
  base   = "baseUrl",
  auth   = @AUTH@,
  -- one light call that fails when the other side is not there
  health = function(conn) conn:get(@HEALTH@) end,
  operations = {
@OPERATIONS@  },
}
]]

local OPERATION = [[
    @OPERATION@ = {
      entity = "@ENTITY@", direction = "pull", mapping = "@MAPPING@",
@FILTERS@      run = function(conn@FILTERS_ARGUMENT@)
        @CALL@
      end,
    },
]]

local TEST = [[
-- tests/@NAME@.test.lua: the adapter against recorded replies
local t       = require "std.test"
local json    = require "tenon.json"
local adapter = require "adapters.@NAME@"

-- checked as the server checks it; defaults are filled in
local config = { @CONFIG@ }
]]

local TEST_OPERATION = [[

test("@OPERATION@ brings what the peer has", function()
  local record = json.decode(@RECORD@)
  t.replies { ["GET https://peer.example@PATH@"] = { body = @BODY@ } }
  local pages = t.run(adapter, "@OPERATION@", config)
  expect(#pages):equals(1)
  expect(pages[1].rows):equals { record }
  assert(t.map("@MAPPING@", pages[1].rows[1]))
end)
]]

local function call_of(operation)
  local path, rows = text.quote(operation.path), text.quote(operation.rows)
  local query = operation.since and "{ " .. operation.since .. " = filters.modifiedSince }" or "{}"
  if operation.paging then
    local more = operation.paging
    local names = ""
    if more.limit ~= "limit" then names = names .. (", limit = %q"):format(more.limit) end
    if more.offset ~= "offset" then names = names .. (", offset = %q"):format(more.offset) end
    return ("page.offset(conn, %s, %s, { rows = %s%s })"):format(path, query, rows, names)
  end
  return ("conn:emit(conn:get(%s, %s), %s)"):format(path, query, rows)
end

local function operation_text(operation)
  local filters = operation.since and "      filters = { tn.time \"modifiedSince\" {} },\n" or ""
  return text.fill(OPERATION, { OPERATION = operation.name, ENTITY = operation.resource.name,
    MAPPING = operation.mapping, FILTERS = filters, FILTERS_ARGUMENT = operation.since and ", filters" or "",
    CALL = call_of(operation) })
end

-- The body of an answer that has one record and no more.
local function body_of(operation)
  local rows = "json.array { record }"
  if operation.rows == "" then return rows:gsub("^json.array ", "json.array ") end
  local out = rows
  local names = {}
  for name in operation.rows:gmatch("[^.]+") do table.insert(names, 1, name) end
  for i, name in ipairs(names) do
    local more = i == #names and operation.paging and ", " .. operation.paging.more .. " = false" or ""
    out = ("{ [%q] = %s%s }"):format(name, out, more)
  end
  return out
end

local function long(value)
  local bars = ""
  while value:find("]" .. bars .. "]", 1, true) do bars = bars .. "=" end
  return "[" .. bars .. "[" .. value .. "]" .. bars .. "]"
end

local function made_up(request)
  return { title = text.first_upper(text.words(request.name)), auth = "basic", health = "/version", paged = true,
    operations = { {
      name = "sync_" .. request.resource.plural, resource = request.resource, since = "since",
      mapping = request.name .. "/" .. request.resource.name, path = "/" .. request.resource.plural, rows = "items",
      paging = { limit = "limit", offset = "offset", more = "hasMore" },
      samples = { record.of_peer(request.resource) } } } }
end

local AUTH = {
  none = { text = "tn.auth.none {}", config = {}, values = {} },
  basic = { text = 'tn.auth.basic { user = "user", password = "password" }',
            config = { 'tn.text "user" { required = true }', 'tn.secret "password" { required = true }' },
            values = { 'user = "u"', 'password = "p"' } },
  bearer = { text = 'tn.auth.bearer { token = "token" }', config = { 'tn.secret "token" { required = true }' },
             values = { 'token = "t"' } },
  api_key = { text = 'tn.auth.api_key { key = "apiKey", header = @HEADER@ }',
              config = { 'tn.secret "apiKey" { required = true }' }, values = { 'apiKey = "k"' } },
}

local function config_of(spec, auth)
  local base = spec.base and "default = " .. text.quote(spec.base) or "required = true"
  local lines = { '    tn.url "baseUrl" { ' .. base .. " }," }
  for _, one in ipairs(auth.config) do lines[#lines + 1] = "    " .. one .. "," end
  if spec.paged then lines[#lines + 1] = '    tn.int "batchSize" { default = 200, min = 1 },   -- rows of a page' end
  return table.concat(lines, "\n")
end

local function test_of(request, spec, auth)
  local values = table.concat({ 'baseUrl = "https://peer.example"', table.unpack(auth.values) }, ", ")
  local out = text.fill(TEST, { NAME = request.name, CONFIG = values })
  for _, operation in ipairs(spec.operations) do
    out = out .. text.fill(TEST_OPERATION, { OPERATION = operation.name, MAPPING = operation.mapping,
      RECORD = long(json.encode(operation.samples[1])), PATH = operation.path, BODY = body_of(operation) })
  end
  return { path = "tests/" .. request.name .. ".test.lua", text = out }
end

return function(request)
  local spec = request.openapi and openapi.read(request) or made_up(request)
  local auth = AUTH[spec.auth]
  local operations = ""
  local files = {}
  for _, operation in ipairs(spec.operations) do
    operations = operations .. operation_text(operation)
    files[#files + 1] = proposal.mapping(operation.mapping, operation.resource, operation.samples)
  end
  table.insert(files, 1, { path = "scripts/adapters/" .. request.name .. ".lua", text = text.fill(FILE, {
    NAME = request.name, TITLE = spec.title, TITLE_TEXT = text.quote(spec.title),
    PAGE_REQUIRE = spec.paged and 'local page = require "std.page"\n' or "", CONFIG = config_of(spec, auth),
    AUTH = auth.text:gsub("@HEADER@", text.quote(spec.header or "X-API-Key")), HEALTH = text.quote(spec.health),
    OPERATIONS = operations }) })
  files[#files + 1] = test_of(request, spec, auth)
  return { files = files, note = spec.note }
end
