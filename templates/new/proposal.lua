-- new/proposal.lua: a mapping proposed from samples: which member of theirs looks like which field of ours.
local json   = require "tenon.json"
local text   = require "new.text"
local record = require "new.record"

local proposal = {}

-- Other names of what an item has, without case and signs.
local ALIKE = {
  externalId = { "id", "itemid", "externalid", "uuid", "guid", "key", "no", "number", "itemnumber" },
  partNumber = { "itemnumber", "partno", "no", "number", "itemno", "sku", "code", "material", "matnr", "productcode",
                 "defaultcode", "item", "article", "articlenumber", "artikelnummer", "artikelnr" },
  partName = { "name", "description", "itemdescription", "title", "text", "designation", "displayname", "bezeichnung" },
  unitOfMeasure = { "uom", "unit", "units", "primaryuomvalue", "baseunit", "meins", "einheit" },
  organizationCode = { "organization", "org", "plant", "site", "company", "werks", "warehouse" },
  listPrice = { "price", "unitprice", "salesprice", "standardprice", "preis" },
  lastUpdated = { "updatedat", "modified", "modifiedat", "changed", "changedat", "lastupdatedate", "writedate",
                  "lastmodified", "updated" },
  status = { "state", "itemstatus" },
  number = { "no", "code", "id" }, name = { "description", "title", "text" },
}

-- ---- the members of the samples ----

local function kind_of(value)
  if type(value) == "boolean" then return "boolean" end
  if math.type(value) == "integer" then return "integer" end
  if type(value) == "number" or type(value) == "userdata" then return "number" end
  if type(value) == "table" then return json.is_array(value) and "list" or "object" end
  if type(value) ~= "string" then return nil end
  if value:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d[%d:.]*[Z+-]" then return "time" end
  if value:find "^%d%d%d%d%-%d%d%-%d%d$" then return "date" end
  if value:find "^[+-]?%d+$" then return "integer text" end
  if value:find "^[+-]?%d+%.%d+$" then return "number text" end
  return "text"
end

local WIDER = { ["integer/number"] = "number", ["integer text/number text"] = "number text" }

local function both(a, b)
  if a == nil or a == b then return b end
  return WIDER[a .. "/" .. b] or WIDER[b .. "/" .. a] or "text"
end

local function add(columns, names, value, seen)
  if value == nil or value == json.null or value == "" then return end
  if kind_of(value) == "object" and #names < 2 then
    local inner = {}
    for name in pairs(value) do inner[#inner + 1] = name end
    table.sort(inner)
    for _, name in ipairs(inner) do add(columns, { names[1], name }, value[name], seen) end
    return
  end
  local path = text.path(names)
  local column = columns[path]
  if not column then
    column = { path = path, plain = text.plain(table.concat(names)), last = text.plain(names[#names]), example = value,
               values = {}, count = 0, once = true }
    columns[path] = column
    columns[#columns + 1] = column
  end
  column.kind = both(column.kind, kind_of(value))
  local key = type(value) == "table" and {} or tostring(value)
  if column.values[key] then column.once = false end
  column.values[key] = true
  column.count = column.count + 1
end

local function columns_of(samples, order)
  local columns = {}
  for _, sample in ipairs(samples) do
    local names, known = {}, {}
    for _, name in ipairs(order or {}) do
      names[#names + 1], known[name] = name, true
    end
    local rest = {}
    for name in pairs(sample) do if not known[name] then rest[#rest + 1] = name end end
    table.sort(rest)
    for _, name in ipairs(rest) do names[#names + 1] = name end
    for _, name in ipairs(names) do add(columns, { name }, sample[name]) end
  end
  return columns
end

-- ---- which member for which field ----

local TAKES = {
  text = { text = 1, integer = 1, number = 1, ["integer text"] = 1, ["number text"] = 1, time = 1, date = 1,
           boolean = 1 },
  int = { integer = 1, ["integer text"] = 1 },
  decimal = { integer = 1, number = 1, ["integer text"] = 1, ["number text"] = 1 },
  bool = { boolean = 1 }, time = { time = 1 }, date = { date = 1 }, url = {}, uuid = {}, secret = {},
  object = {}, list = {}, any = {},
}

local function takes(field, column)
  local closed = field.values and #field.values > 0
  if not closed then return (TAKES[field.type] or TAKES.any)[column.kind] ~= nil end
  local permitted = {}
  for _, value in ipairs(field.values) do permitted[value] = true end
  for value in pairs(column.values) do if not permitted[value] then return false end end
  return true
end

local function named(field, columns)
  local wanted = { text.plain(field.name) }
  for _, other in ipairs(ALIKE[field.name] or {}) do wanted[#wanted + 1] = other end
  for _, part in ipairs { "plain", "last" } do                     -- a member of the record before one inside another
    for _, name in ipairs(wanted) do
      for _, column in ipairs(columns) do
        if column[part] == name and takes(field, column) then return column end
      end
    end
  end
end

-- For a field that has to be there and that nothing is named like: what differs from record to record.
local function guessed(field, columns, used)
  local tries = field.name == "externalId" and { false } or { true, false }
  for _, free in ipairs(tries) do
    for _, column in ipairs(columns) do
      if column.once and takes(field, column) and (not free or not used[column.path]) then return column end
    end
  end
end

local OPERATORS = { text = ":text()", int = ":integer()", decimal = ":decimal()", bool = ":boolean()", time = ":time()",
                    date = ":date()", state = ":text()" }

local function line(field, value, note)
  return ("    %-18s = %s,%s"):format(field.name, value, note and "   -- " .. note or "")
end

local function from(field, column, required)
  local trims = column.kind == "text" and " :trim()" or ""
  local ends = required and " :required()" or ""
  return "from " .. text.quote(column.path) .. " " .. OPERATORS[field.type] .. trims .. ends
end

-- The value of a field that has to be there and that no member of the samples can give.
local function constant(field)
  if field.values and #field.values > 0 then return "map.const " .. text.quote(field.values[1]) end
  if field.type == "text" then return 'map.const "MAIN"' end
  if field.type == "int" or field.type == "decimal" then return "map.const(1)" end
  error(("nothing in the sample can be the field %s (%s)"):format(field.name, field.type), 0)
end

local function shown(value)
  local whole = json.encode(value)
  return #whole > 40 and whole:sub(1, 37):gsub("[\128-\255]+$", "") .. "..." or whole
end

local function set_lines(resource, columns, used)
  local lines, missing = {}, {}
  for _, field in ipairs(resource.fields) do
    local needed = record.needed(resource, field) or field.name == "externalId"
    local column = OPERATORS[field.type] and named(field, columns)
    local note = nil
    if not column and needed and field.name ~= "organizationCode" then
      column = guessed(field, columns, used)
      note = column and "a guess: nothing in the sample is called like it"
    end
    if column then
      used[column.path] = true
      lines[#lines + 1] = line(field, from(field, column, needed), note)
    elseif needed and not field.generated then
      lines[#lines + 1] = line(field, constant(field), "nothing in the sample is called like it")
    elseif not field.generated then
      missing[#missing + 1] = field.name
    end
  end
  if #missing > 0 then lines[#lines + 1] = "    -- never set: " .. table.concat(missing, ", ") end
  return lines
end

local FILE = [[
-- mappings/@NAME@.lua: from a record of @SYSTEM@ to our @ENTITY@.  tenon map @NAME@ tries it,
-- tenon map @NAME@ --coverage lists what is never read and never set; tenon show write-a-mapping explains the words.
local map  = require "tenon.map"
local from = map.from

return map {
  reads = "@READS@", writes = "@ENTITY@", key = @KEY@,
  set = {
@LINES@
  },
  -- runs whenever this file is loaded; expect is what the lines above make of it
  example = {
    give   = @GIVE@,
    expect = @EXPECT_TEXT@,
  },
}
]]

local function long_string(value)
  local bars = ""
  while value:find("]" .. bars .. "]", 1, true) do bars = bars .. "=" end
  return "[" .. bars .. "[" .. value .. "]" .. bars .. "]"
end

local GIVE_MAX = 2000

-- The first sample; of a large one what is read.
local function example_of(sample, used)
  local whole = json.encode(sample)
  if #whole <= GIVE_MAX then return whole end
  local small = {}
  for name, value in pairs(sample) do
    for path in pairs(used) do
      if path == text.path { name } or path:sub(1, #name + 1) == name .. "." then small[name] = value end
    end
  end
  return json.encode(small)
end

local function key_of(resource, columns)
  for _, field in ipairs(resource.fields) do if field.name == "externalId" then return text.quote("externalId") end end
  local column = named({ name = "externalId", type = "text" }, columns)
    or guessed({ name = "externalId", type = "text" }, columns, {})
  if not column then error("the sample has no member that tells its records apart", 0) end
  return "from " .. text.quote(column.path) .. " :text()"
end

-- name: "acme/item"; samples: a list of records; order: names of their members, or nil.  The mapping's file, and
-- what the example gives.
function proposal.mapping(name, resource, samples, order)
  local columns, used = columns_of(samples, order), {}
  if #columns == 0 then error("the sample has no record with a value", 0) end
  local lines = set_lines(resource, columns, used)
  local unread = {}
  for _, column in ipairs(columns) do
    if not used[column.path] then
      unread[#unread + 1] = ("    -- not read: %s (%s, such as %s)")
        :format(column.path, column.kind, shown(column.example))
    end
  end
  table.move(unread, 1, #unread, #lines + 1, lines)
  local give = example_of(samples[1], used)
  local system = name:match("^[^/]+")
  return { path = "mappings/" .. name .. ".lua", mapping = name, give = give, text = text.fill(FILE, {
    NAME = name, SYSTEM = system, ENTITY = resource.name, READS = name:gsub("/", "."), KEY = key_of(resource, columns),
    LINES = table.concat(lines, "\n"), GIVE = long_string(give), EXPECT_TEXT = "[[@EXPECT:" .. name .. "@]]" }) }
end

local TEST = [[
-- tests/@FILE@.test.lua
local t    = require "std.test"
local json = require "tenon.json"

test("a record of @SYSTEM@ becomes our @ENTITY@", function()
  local made = assert(t.map("@NAME@", json.decode(@GIVE@)))
  expect(made):equals(json.decode(@EXPECT_TEXT@))
end)

test("a record without anything is refused", function()
  local made, err = t.map("@NAME@", {})
  expect(made):equals(nil)
  expect(err.kind):equals("mapping")
end)
]]

function proposal.test(file)
  local name = file.mapping
  local test = name:gsub("/", "_")
  return { path = "tests/" .. test .. ".test.lua", text = text.fill(TEST, {
    FILE = test, NAME = name, SYSTEM = name:match("^[^/]+"), ENTITY = name:match("[^/]+$"),
    GIVE = long_string(file.give), EXPECT_TEXT = "[[@EXPECT:" .. name .. "@]]" }) }
end

return proposal
