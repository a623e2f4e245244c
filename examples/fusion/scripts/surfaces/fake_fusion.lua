-- scripts/surfaces/fake_fusion.lua: a small Oracle Fusion Cloud, to try integrations against.
-- It speaks as the real one does where that hurts: pages are cut to a maximum, media types are Oracle's
-- own, unknown parameters are refused, one page answers 429, one token expires in the middle.
local tn     = require "tenon"
local kv     = require "tenon.kv"
local crypto = require "tenon.crypto"

local ITEMS = 10000
local FIRST_ID = 300000047274444
local PAGE, PAGE_MAX = 25, 500            -- rows when limit is not given; the most, whatever is asked for
local THROTTLED_ROW, EXPIRING_ROW = 3000, 6000
local TOKEN_SECONDS = 3600
local RESOURCES = "/fscmRestApi/resources/11.13.18.05"

-- Who may ask for a token.  The second one gets a token, but has no privilege for items.
local CLIENTS = {
  ["fusion-client"] = { secret = "fusion-client-secret-0001", privileged = true },
  ["limited-client"] = { secret = "limited-client-secret-0001", privileged = false },
}

local ORGANIZATIONS = { [0] = "M1", "M2", "M3" }
local CLASSES = { [0] = "Root", "Purchased", "Manufactured", "Model" }
local NOUNS = { [0] = "Bearing block", "Hex bolt M8\\u00d740", "Gehäuse Ø 40 mm", "Drive \\\"A\\\" shaft",
                "轴承座", "Gear wheel 24T", "Sealing ring" }
local UNITS = { [0] = { "EA", "Each" }, { "KG", "Kilogram" }, { "M", "Metre" } }

local ROW = [=[{"ItemId":%d,"OrganizationId":%d,"OrganizationCode":"%s","ItemNumber":"%s","ItemDescription":"%s",]=]
  .. [=["LongDescription":"Item %s of the demonstration plant. It is bought, made or planned like any other, and ]=]
  .. [=[exists so that there is something to move.","ItemClass":"%s","PrimaryUOMCode":"%s","PrimaryUOMValue":"%s",]=]
  .. [=["ItemStatusValue":"%s","LifecyclePhaseValue":"Production","ItemTypeValue":null,"ListPrice":%d.%02d,]=]
  .. [=["UnitWeightQuantity":%d.250,"WeightUOMValue":"Kilogram","MinimumOrderQuantity":1,"FixedLotMultiplier":1e-7,]=]
  .. [=["InventoryItemFlag":true,"StockEnabledFlag":true,"PurchasableFlag":%s,"BuildInWIPFlag":%s,]=]
  .. [=["SerialGenerationValue":"No serial number control","LotControlValue":"No lot control","ShelfLifeDays":null,]=]
  .. [=["ApprovalStatusValue":"Approved","CreatedBy":"DATA_LOAD","CreationDateTime":"2023-12-01T06:00:00+00:00",]=]
  .. [=["LastUpdatedBy":"PLANNER","LastUpdateDate":"%s","ItemRevision":[],]=]
  .. [=["ItemCategory":[{"CategoryName":"Demo","SequenceNumber":10}]]=]
local ROW_LINKS = [=[,"links":[{"rel":"self","href":"%s%s/itemsV2/%d","name":"itemsV2","kind":"item"},]=]
  .. [=[{"rel":"child","href":"%s%s/itemsV2/%d/child/ItemCategory","name":"ItemCategory","kind":"collection"}]]=]

-- ---- answers ----

local COLLECTION = { ["Content-Type"] = "application/vnd.oracle.adf.resourcecollection+json" }
local PROBLEM = "application/vnd.oracle.adf.error+json"

local function refuse(status, title, detail, code)
  return status, ([[{"title":"%s","status":"%d","o:errorDetails":[{"detail":"%s","o:errorCode":"%s"}]}]])
    :format(title, status, detail, code), { ["Content-Type"] = PROBLEM }
end

local function bad_request(detail)
  return refuse(400, "Bad Request", detail, "27520")
end

local function token_error(status, code, text)
  return status, { error = code, error_description = text }, { ["Cache-Control"] = "no-store" }
end

local function signed_out(reason)
  return 401, "<html><head><title>401 Authorization Required</title></head><body>" .. reason .. "</body></html>",
    { ["Content-Type"] = "text/html", ["WWW-Authenticate"] = 'Bearer error="invalid_token"' }
end

-- ---- tokens ----

local function form_decode(text)
  return crypto.urldecode((text:gsub("+", " "))) or ""
end

local function form(body)
  local fields = {}
  for name, value in body:gmatch("([^&=]+)=([^&]*)") do fields[form_decode(name)] = form_decode(value) end
  return fields
end

-- Client id and secret from the Authorization header or from the form.
local function credentials(req, fields)
  local basic = (req.headers["authorization"] or ""):match("^Basic%s+(%S+)$")
  if not basic then return fields.client_id, fields.client_secret end
  local id, secret = (crypto.unbase64(basic) or ""):match("^([^:]*):(.*)$")
  return id and form_decode(id), secret and form_decode(secret)
end

-- As long as the real ones: well over a kilobyte.
local function token_text(serial, client)
  return ("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.%s.%s.%d"):format(("eyJzdWIiOiJ0ZW5vbi1kZW1v"):rep(50), client, serial)
end

local function issue_token(req)
  local fields = form(req.body)
  local id, secret = credentials(req, fields)
  local client = CLIENTS[id or ""]
  if not client or client.secret ~= secret then
    return token_error(401, "invalid_client", "Client authentication failed.")
  end
  if fields.grant_type ~= "client_credentials" then
    return token_error(400, "unsupported_grant_type", "Only client_credentials is offered here.")
  end
  if not (fields.scope or ""):find("urn:opc:resource:", 1, true) then
    return token_error(400, "invalid_scope", "The scope must name a urn:opc:resource.")
  end
  local serial = kv.incr("tokens")
  kv.put("token:" .. serial, tostring(tn.now() + TOKEN_SECONDS * 1000))
  return 200, { access_token = token_text(serial, id), token_type = "Bearer", expires_in = TOKEN_SECONDS },
    { ["Cache-Control"] = "no-store" }
end

-- The client of a good token and the token's serial; nil and the reason otherwise.
local function bearer(req)
  local token = (req.headers["authorization"] or ""):match("^Bearer%s+(%S+)$")
  if not token then return nil, "No bearer token." end
  local id, serial = token:match("%.([%w-]+)%.(%d+)$")
  local client = CLIENTS[id or ""]
  if not client or token ~= token_text(tonumber(serial), id) then return nil, "Unknown token." end
  local expires = kv.get("token:" .. serial)
  if not expires or tonumber(expires) < tn.now() then return nil, "Token expired." end
  return client, serial
end

-- ---- items ----

local function updated_at(i)
  return ("2024-01-%02dT%02d:%02d:00+00:00"):format(1 + i // 1440, i // 60 % 24, i % 60)
end

local function class_of(i)
  return i % 50 == 49 and "Service" or CLASSES[i % 4]
end

local function matches(i, want)
  return (not want.OrganizationCode or ORGANIZATIONS[i % 3] == want.OrganizationCode)
    and (not want.ItemClass or class_of(i) == want.ItemClass)
    and (not want.since or updated_at(i):sub(1, 19) >= want.since)
    and (not want.ItemNumber or ("FA-%06d"):format(i + 1) == want.ItemNumber)
end

local function row(i, origin)
  local number, unit, id = ("FA-%06d"):format(i + 1), UNITS[i % 3], FIRST_ID + i
  local text = ROW:format(id, 300000001000000 + i % 3, ORGANIZATIONS[i % 3], number, NOUNS[i % 7], number, class_of(i),
    unit[1], unit[2], i % 20 == 19 and "Inactive" or "Active", i // 100, (i + 1) * 10 % 100, i % 90,
    tostring(i % 4 == 1), tostring(i % 4 ~= 1), updated_at(i))
  return origin and text .. ROW_LINKS:format(origin, RESOURCES, id, origin, RESOURCES, id) .. "}" or text .. "}"
end

local function plain(want)
  return next(want) == nil
end

-- Numbers of the items of one page, and how many match in all.
local function select(want, offset, limit)
  local chosen, total = {}, 0
  if plain(want) then
    for i = offset, math.min(offset + limit, ITEMS) - 1 do chosen[#chosen + 1] = i end
    return chosen, ITEMS
  end
  for i = 0, ITEMS - 1 do
    if matches(i, want) then
      if total >= offset and #chosen < limit then chosen[#chosen + 1] = i end
      total = total + 1
    end
  end
  return chosen, total
end

-- ---- parameters ----

local KNOWN = { organizationCode = true, itemClass = true, finder = true, limit = true, offset = true, q = true,
                onlyData = true, orderBy = true, totalResults = true }

local function whole(text, otherwise)
  if text == nil then return otherwise end
  return text:match("^%d+$") and math.tointeger(tonumber(text))
end

-- "2024-01-05" or a time stamp in UTC, cut to seconds.
local function instant(text)
  local day, time, zone = text:match("^(%d%d%d%d%-%d%d%-%d%d)T?(%d?%d?:?%d?%d?:?%d?%d?)(.*)$")
  if not day or not (zone == "" or zone == "Z" or zone:match("^[.%d]*Z?$") or zone:match("^[.%d]*%+00:00$")) then
    return nil
  end
  return day .. "T" .. (time == "" and "00:00:00" or time)
end

local function read_finder(finder, want)
  local since = finder:match("^findByLastUpdateDate;LastUpdateDate>=(.+)$")
  want.since = since and instant(since)
  if not want.since then return "The finder expression is not valid: " .. finder:gsub('[\\"%c]', "?") end
end

local MATCHED = { OrganizationCode = true, ItemClass = true, ItemNumber = true }

-- One comparison of a row match: Name = 'value' or LastUpdateDate >= 'time'.
local function read_comparison(text, want)
  local name, operator, value = text:match("^%s*(%w+)%s*([<>=]+)%s*'(.*)'%s*$")
  if not name then return false end
  value = value:gsub("''", "'")
  if name == "LastUpdateDate" and operator == ">=" then
    want.since = instant(value)
    return want.since ~= nil
  end
  if operator ~= "=" or not MATCHED[name] then return false end
  want[name] = value
  return true
end

local function read_q(q, version, want)
  if version < 2 then return "Row match needs REST-Framework-Version 2 or later." end
  for text in (q .. " and "):gmatch("(.-) and ") do
    if not read_comparison(text, want) then return "The expression in q is not valid." end
  end
end

local function read_query(req)
  local query, want = req.query, {}
  for name in pairs(query) do
    if not KNOWN[name] then return nil, "The parameter " .. name:gsub("[^%w_]", "?") .. " is not known." end
  end
  local limit, offset = whole(query.limit, PAGE), whole(query.offset, 0)
  if not limit or limit < 1 or not offset then return nil, "limit and offset must be whole numbers." end
  if query.orderBy and not query.orderBy:match("^ItemId:?a?s?c?,?[%w:]*$") then
    return nil, "Only an orderBy that begins with ItemId is offered here."
  end
  want.OrganizationCode, want.ItemClass = query.organizationCode, query.itemClass
  local wrong = query.finder and read_finder(query.finder, want)
    or query.q and read_q(query.q, tonumber(req.headers["rest-framework-version"] or "1") or 1, want)
  if wrong then return nil, wrong end
  return { want = want, limit = math.min(limit, PAGE_MAX), offset = offset, data_only = query.onlyData == "true",
           total = query.totalResults == "true" }
end

-- ---- routes ----

-- One page is refused once, and the first token ends in the middle: state that outlives a restart.
local function mishap(page, serial)
  local function holds(row_number) return page.offset <= row_number and row_number < page.offset + page.limit end
  if holds(THROTTLED_ROW) and not kv.get("throttled") then
    kv.put("throttled", "1")
    local status, body, headers = refuse(429, "Too Many Requests", "Slow down.", "429")
    headers["Retry-After"] = "1"
    return status, body, headers
  end
  if holds(EXPIRING_ROW) and not kv.get("expired") then
    kv.put("expired", serial)
    kv.delete("token:" .. serial)
    return signed_out("Token expired.")
  end
end

local function collection(page, origin)
  local chosen, total = select(page.want, page.offset, page.limit)
  local rows, more = {}, page.offset + #chosen < total
  for k, i in ipairs(chosen) do rows[k] = row(i, not page.data_only and origin or nil) end
  local here = origin .. RESOURCES .. "/itemsV2"
  local link = [[{"rel":"%s","href":"%s?offset=%d&limit=%d","name":"itemsV2","kind":"collection"}]]
  local links = { link:format("self", here, page.offset, page.limit) }
  if more then links[2] = link:format("next", here, page.offset + #chosen, page.limit) end
  return ([[{"items":[%s],%s"count":%d,"hasMore":%s,"limit":%d,"offset":%d,"links":[%s]}]]):format(
    table.concat(rows, ","), page.total and ('"totalResults":%d,'):format(total) or "", #rows, tostring(more),
    page.limit, page.offset, table.concat(links, ","))
end

local function get_items(req)
  local client, serial = bearer(req)
  if not client then return signed_out(serial) end
  if not client.privileged then
    return refuse(403, "Forbidden", "You are not authorized to access the requested resource.", "27599")
  end
  local page, wrong = read_query(req)
  if not page then return bad_request(wrong) end
  local status, body, headers = mishap(page, serial)
  if status then return status, body, headers end
  return 200, collection(page, "http://" .. (req.headers["host"] or "localhost")), COLLECTION
end

-- For stories: what has happened so far, and starting over.
local function get_state()
  return 200, { tokens = tonumber(kv.get("tokens") or "0"), throttled = kv.get("throttled") ~= nil,
                expired = kv.get("expired") ~= nil }
end

local function reset()
  kv.delete("throttled")
  kv.delete("expired")
  return 204
end

return tn.surface {
  title = "Fake Oracle Fusion Cloud", auth = "none",
  routes = {
    tn.route { "POST", "/oauth2/v1/token", issue_token },
    tn.route { "GET", RESOURCES .. "/itemsV2", get_items },
    tn.route { "GET", "/fake/state", get_state },
    tn.route { "POST", "/fake/reset", reset },
  },
}
