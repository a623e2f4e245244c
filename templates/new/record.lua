-- new/record.lua: records made up for a resource: one of ours as a Lua literal, one of a peer as a sample.
local json = require "tenon.json"
local text = require "new.text"

local record = {}

local VALUES = { text = "A-1", int = 1, bool = true, time = "2026-01-31T08:00:00Z", date = "2026-01-31",
                 url = "https://peer.example/1" }

local TEXTS = { { "name", "Hex bolt" }, { "title", "Hex bolt" }, { "description", "Hex bolt" }, { "unit", "EA" },
                { "organization", "V1" }, { "number", "4711" }, { "code", "4711" }, { "status", "active" } }

local function text_of(name)
  for _, row in ipairs(TEXTS) do if name:lower():find(row[1], 1, true) then return row[2] end end
  return VALUES.text
end

-- nil: no value of this type can be made up (a reference, an object).
local function value_of(field)
  if field.values and #field.values > 0 then return field.values[1] end
  if field.type == "decimal" then return json.decode "1.50" end
  if field.type == "int" and field.min then return tonumber(field.min) end
  if field.pattern then return nil end
  if field.type == "text" then return text_of(field.name) end
  return VALUES[field.type]
end

local function needed(resource, field)
  if field.required and not field.generated then return true end
  for _, name in ipairs(resource.key or {}) do if name == field.name then return true end end
  return false
end

-- What a record needs to be stored, as a Lua literal.
function record.literal(resource)
  local parts = {}
  for _, field in ipairs(resource.fields) do
    if needed(resource, field) then
      local value = value_of(field)
      if value == nil then
        error(("a %s needs the field %s, which no start can make up: take another --entity")
          :format(resource.name, field.name), 0)
      end
      parts[#parts + 1] = field.name .. " = " .. (type(value) == "string" and text.quote(value) or tostring(value))
    end
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- A record as a peer may send it.
function record.of_peer(resource)
  local made, extra = { id = "1001" }, 0
  for _, field in ipairs(resource.fields) do
    local value = value_of(field)
    local plain = field.type ~= "state" and not (field.values and #field.values > 0)
    local wanted = needed(resource, field) or (plain and extra < 4)
    if value ~= nil and wanted and field.name ~= "externalId" and not field.generated then
      made[field.name] = value
      extra = extra + 1
    end
  end
  return made
end

record.needed = needed

return record
