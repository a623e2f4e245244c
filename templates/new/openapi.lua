-- new/openapi.lua: what an adapter needs of a description (OpenAPI 3 or Swagger 2, in JSON): the base address, how to
-- sign in, and the GETs that answer lists of records.
local json = require "tenon.json"
local text = require "new.text"

local OPERATIONS_MAX, DEPTH_MAX = 12, 6

local openapi = {}

-- ---- references ----

local function resolve(document, value)
  for _ = 1, 20 do
    if type(value) ~= "table" or type(value["$ref"]) ~= "string" then return value end
    local at = document
    for name in value["$ref"]:gsub("^#/", ""):gmatch("[^/]+") do
      at = type(at) == "table" and at[(name:gsub("~1", "/"):gsub("~0", "~"))] or nil
    end
    value = at
  end
end

-- All properties of a schema, those of allOf included.
local function properties(document, schema, depth)
  schema = resolve(document, schema)
  local all = {}
  if type(schema) ~= "table" or depth > DEPTH_MAX then return all end
  for _, part in ipairs(type(schema.allOf) == "table" and schema.allOf or {}) do
    for name, one in pairs(properties(document, part, depth + 1)) do all[name] = one end
  end
  for name, one in pairs(type(schema.properties) == "table" and schema.properties or {}) do all[name] = one end
  return all
end

-- ---- a record as the schema has it ----

local BY_FORMAT = { ["date-time"] = "2026-01-31T08:00:00Z", date = "2026-01-31",
                    uuid = "018d0000-0000-7000-8000-000000000001",
                    uri = "https://peer.example/1", email = "mail@peer.example" }

local sample_of

local function object_of(document, schema, depth)
  local made = {}
  for name, one in pairs(properties(document, schema, depth)) do
    made[name] = sample_of(document, one, depth + 1, name)
  end
  return made
end

function sample_of(document, schema, depth, name)
  schema = resolve(document, schema)
  if type(schema) ~= "table" or depth > DEPTH_MAX then return nil end
  if schema.example ~= nil then return schema.example end
  if schema.default ~= nil and schema.default ~= json.null then return schema.default end
  if type(schema.enum) == "table" then return schema.enum[1] end
  local kind = schema.type
  if type(kind) == "table" then kind = kind[1] end
  if kind == "integer" then return 1 end
  if kind == "number" then return json.decode "1.50" end
  if kind == "boolean" then return true end
  if kind == "string" then return BY_FORMAT[schema.format] or (name or "text") .. " 1" end
  if kind == "array" then
    local one = sample_of(document, schema.items, depth + 1, name)
    return one ~= nil and json.array { one } or nil
  end
  local made = object_of(document, schema, depth)
  return next(made) and made or nil
end

-- ---- which GETs answer lists ----

-- Does an answer hold a list of objects?  The path of the list, and the schema of its elements.
local function list_in(document, schema)
  schema = resolve(document, schema)
  if type(schema) ~= "table" then return nil end
  if schema.type == "array" then
    local element = resolve(document, schema.items)
    if next(properties(document, element, 0)) then return "", element end
    return nil
  end
  local names, all = {}, properties(document, schema, 0)
  for name in pairs(all) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local one = resolve(document, all[name])
    local element = type(one) == "table" and one.type == "array" and resolve(document, one.items)
    if element and next(properties(document, element, 0)) and not name:find("[^%w_]") then return name, element end
  end
end

local function answer_schema(document, get)
  local answers = type(get.responses) == "table" and get.responses or {}
  local answer = resolve(document, answers["200"] or answers["201"] or answers.default)
  if type(answer) ~= "table" then return nil end
  if answer.schema then return answer.schema, answer.examples end             -- Swagger 2
  for kind, content in pairs(type(answer.content) == "table" and answer.content or {}) do
    if kind:find "json" then return content.schema, content.example end
  end
end

local LIMITS = { "limit", "pageSize", "page_size", "per_page", "$top", "top", "count" }
local OFFSETS = { "offset", "skip", "$skip", "start" }
local SINCE = { "modifiedSince", "modified_since", "updatedSince", "updated_since", "since", "updated_after",
                "modifiedAfter", "lastModifiedAfter" }

local function parameters(document, item, get)
  local names = {}
  for _, list in ipairs { item.parameters or {}, get.parameters or {} } do
    for _, one in ipairs(list) do
      one = resolve(document, one)
      if type(one) == "table" and one["in"] == "query" then names[one.name] = one end
    end
  end
  return names
end

local function first_of(names, wanted)
  for _, name in ipairs(wanted) do if names[name] then return name end end
end

local function paging_of(names)
  local limit, offset = first_of(names, LIMITS), first_of(names, OFFSETS)
  if not limit or not offset then return nil end
  return { limit = limit, offset = offset, more = "hasMore" }
end

-- The resource that a path is about: the one that is called like its last word, else the one that was asked for.
local function resource_for(request, word)
  for _, resource in ipairs(request.resources) do
    if text.plain(resource.plural) == text.plain(word) or text.plain(resource.name) == text.plain(word) then
      return resource
    end
  end
  return request.resource
end

local function operation_of(request, document, path, item)
  local get = item.get
  if type(get) ~= "table" or path:find "{" then return nil end
  local rows, element = list_in(document, (answer_schema(document, get)))
  if not rows then return nil end
  local names = parameters(document, item, get)
  for _, one in pairs(names) do if one.required == true then return nil end end
  local word = path:match("([%w_%-]+)/?$")
  if not word then return nil end
  local name = word:gsub("%-", "_")
  local sample = sample_of(document, element, 0)
  if type(sample) ~= "table" then return nil end
  return { name = "sync_" .. name, resource = resource_for(request, word),
           mapping = request.name .. "/" .. name:lower(),
           path = path, rows = rows, paging = paging_of(names), since = first_of(names, SINCE),
           samples = { sample } }
end

local function operations_of(request, document)
  local paths, found, taken = {}, {}, {}
  for path in pairs(type(document.paths) == "table" and document.paths or {}) do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local item = resolve(document, document.paths[path])
    local operation = type(item) == "table" and operation_of(request, document, path, item)
    if operation and not taken[operation.mapping] and #found < OPERATIONS_MAX then
      taken[operation.mapping] = true
      found[#found + 1] = operation
    end
  end
  return found
end

-- ---- the rest of it ----

local function auth_of(document)
  local schemes = document.securityDefinitions
    or type(document.components) == "table" and document.components.securitySchemes or {}
  local names = {}
  for name in pairs(schemes) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local scheme = resolve(document, schemes[name])
    if type(scheme) == "table" then
      local basic = scheme.type == "http" and tostring(scheme.scheme):lower() == "basic"
      if scheme.type == "basic" or basic then return "basic" end
      if scheme.type == "http" then return "bearer" end
      if scheme.type == "apiKey" and scheme["in"] == "header" then return "api_key", scheme.name end
      if scheme.type == "oauth2" or scheme.type == "openIdConnect" then return "bearer", nil,
        "the description signs in by " .. scheme.type .. ": put std.oauth2 in the place of tn.auth.bearer" end
    end
  end
  return "none"
end

local function base_of(document)
  local server = type(document.servers) == "table" and document.servers[1]
  local url = type(server) == "table" and server.url
  if type(document.host) == "string" then
    url = (type(document.schemes) == "table" and document.schemes[1] or "https") .. "://" .. document.host
      .. (type(document.basePath) == "string" and document.basePath or "")
  end
  return type(url) == "string" and url:find "^https?://[^{}]+$" and url or nil
end

function openapi.read(request)
  local document, err = json.decode(request.openapi.text)
  if document == nil then
    if request.openapi.path:find "%.ya?ml$" then
      error("the description is YAML: make JSON of it first (yq -o json " .. request.openapi.path .. ")", 0)
    end
    error("the description is no JSON: " .. err.message, 0)
  end
  if type(document) ~= "table" or not (document.openapi or document.swagger) then
    error("the file is no OpenAPI description: it has neither 'openapi' nor 'swagger'", 0)
  end
  local operations = operations_of(request, document)
  if #operations == 0 then error("the description has no GET that answers a list of records", 0) end
  local auth, header, note = auth_of(document)
  local info = type(document.info) == "table" and document.info or {}
  local paged = false
  for _, one in ipairs(operations) do paged = paged or one.paging ~= nil end
  return { title = type(info.title) == "string" and info.title:gsub("%c", " ") or request.name, auth = auth,
           header = header,
           note = note, base = base_of(document), health = operations[1].path, paged = paged, operations = operations }
end

return openapi
