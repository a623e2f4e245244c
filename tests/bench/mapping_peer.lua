-- SPDX-License-Identifier: MIT
-- mapping_peer.lua DIR ROUNDS: the mapping of the bench by hand in Lua with cjson, numbers as doubles.
local cjson = require "cjson"
local dir, rounds = arg[1], tonumber(arg[2] or 1)

local pages = {}
for name in io.popen("ls " .. dir):lines() do
  local f = assert(io.open(dir .. "/" .. name, "rb"))
  pages[#pages + 1] = f:read "a"
  f:close()
end

local types = { Root = "ASSEMBLY", Purchased = "COMPONENT", Manufactured = "ASSEMBLY", Model = "MODEL" }

-- "2024-03-05T16:34:12.220+02:00" to UTC
local function utc(s)
  local y, m, d, H, M, S, ms, sign, oh, om =
    s:match "^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.(%d+)([+-])(%d+):(%d+)$"
  local offset = (oh * 60 + om) * 60
  if sign == "-" then offset = -offset end
  local days = function(year, month, day)
    if month <= 2 then year, month = year - 1, month + 12 end
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
  end
  local t = days(y + 0, m + 0, d + 0) * 86400 + H * 3600 + M * 60 + S - offset
  return os.date("!%Y-%m-%dT%H:%M:%S", math.tointeger(t)) .. "." .. ms .. "Z"
end

local function map(item)
  local planner = item.PlannerCode
  return {
    externalId = ("%.0f"):format(item.ItemId),
    partNumber = item.ItemNumber,
    partName = item.ItemDescription,
    partType = types[item.ItemClass] or "COMPONENT",
    planner = planner == cjson.null and "NONE" or planner,
    organizationCode = item.OrganizationCode,
    listPrice = ("%.4f"):format(item.ListPrice),
    lastUpdated = utc(item.LastUpdateDate),
    itemKey = item.OrganizationCode .. "-" .. item.ItemNumber,
  }
end

local records, bytes, written = 0, 0, 0
local began = os.clock()
for _ = 1, rounds do
  for _, page in ipairs(pages) do
    local out = {}
    for i, item in ipairs(cjson.decode(page).items) do out[i] = cjson.encode(map(item)) end
    local text = table.concat(out, "\n")
    records, bytes, written = records + #out, bytes + #page, written + #text + 1
  end
end
print(('{"records":%d,"seconds":%.6f,"bytes":%d,"written":%d}'):format(records, os.clock() - began, bytes, written))
