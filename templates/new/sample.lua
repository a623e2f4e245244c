-- new/sample.lua: the records of a sample file.
local json = require "tenon.json"
local csv  = require "tenon.csv"
local xml  = require "tenon.xml"

local RECORDS_MAX = 200

local sample = {}

local function first(list)
  return table.move(list, 1, math.min(#list, RECORDS_MAX), 1, {})
end

local function is_record(value)
  return type(value) == "table" and not json.is_array(value)
end

-- The longest list of records in a document, and where it is; the document itself when it has none.
local function longest(value, path, best)
  if type(value) ~= "table" then return end
  if json.is_array(value) then
    if is_record(value[1]) and #value > best.n then best.n, best.list, best.path = #value, value, path end
    return
  end
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do longest(value[name], path == "" and name or path .. "." .. name, best) end
end

-- A record may hold lists of its own: only a document with few members beside the list is a page.
local PAGE_MEMBERS = 12

local function of_document(document)
  local best, members = { n = 0 }, 0
  if is_record(document) then for _ in pairs(document) do members = members + 1 end end
  longest(document, "", best)
  local page = best.list and members <= PAGE_MEMBERS and not best.path:find(".", 1, true)
  if json.is_array(document) or page then return first(best.list or {}), best.path or "" end
  return { document }, ""
end

local function of_json(content)
  local document, err = json.decode(content)
  if document ~= nil then return of_document(document) end
  local records = {}
  for one in content:gmatch("[^\r\n]+") do                      -- one record a line
    local value = json.decode(one)
    if value == nil then error(err, 0) end
    records[#records + 1] = value
    if #records == RECORDS_MAX then break end
  end
  return records, ""
end

local function delimiter_of(content)
  local head, best, most = content:match("^[^\r\n]*"), ",", 0
  for _, delimiter in ipairs { ",", ";", "\t", "|" } do
    local _, n = head:gsub(delimiter == "|" and "%|" or delimiter, "")
    if n > most then best, most = delimiter, n end
  end
  return best
end

local function of_csv(content)
  local records, delimiter = {}, delimiter_of(content)
  for _, row, err in csv.rows(content, { delimiter = delimiter }) do
    if err then error(err, 0) end
    records[#records + 1] = row
    if #records == RECORDS_MAX then break end
  end
  local order = {}
  local head = content:match("^[^\r\n]*"):gsub("^\239\187\191", "")
  for name in (head .. delimiter):gmatch("(.-)" .. (delimiter == "|" and "%|" or delimiter)) do
    order[#order + 1] = name:gsub('^"(.*)"$', "%1")
  end
  return records, "", order, delimiter
end

local function of_xml(content)
  local document, err = xml.parse(content)
  if not document then error(err, 0) end
  local best = { n = 0 }
  longest(document, "", best)
  if best.list then return first(best.list), best.path end
  return { document }, ""
end

local READERS = { json = of_json, ndjson = of_json, csv = of_csv, xml = of_xml }

-- Records, the path of their list, names in order (CSV) and the delimiter.
function sample.read(from)
  local records, path, order, delimiter = READERS[from.format](from.text)
  for i, one in ipairs(records) do
    if not is_record(one) then error(("record %d of the sample is no record: it has no members"):format(i), 0) end
  end
  if #records == 0 then error("the sample has no record", 0) end
  return records, path, order, delimiter
end

return sample
