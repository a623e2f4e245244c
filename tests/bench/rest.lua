-- SPDX-License-Identifier: MIT
-- rest.lua: for wrk: one kind of request (get, list, post, patch) over a file of ids; result as one line of JSON.
local ids, work, made = {}, "get", 0
local json = { ["Content-Type"] = "application/json" }
local run = ""

function init(args)
  work = args[1]
  for id in io.lines(args[2]) do ids[#ids + 1] = "/api/v1/items/" .. id end
  wrk.headers["Authorization"] = "Bearer " .. args[3]
  run = args[4]
  json["Authorization"] = wrk.headers["Authorization"]
  math.randomseed(7)
end

function request()
  made = made + 1
  if work == "list" then return wrk.format("GET", "/api/v1/items?limit=50") end
  if work == "post" then
    return wrk.format("POST", "/api/v1/items", json, string.format(
      '{"partNumber":"B-%s-%d","partName":"Bracket, left, galvanized","partType":"COMPONENT",' ..
      '"unitOfMeasure":"EA","organizationCode":"M1","status":"Active"}', run, made))
  end
  local path = ids[math.random(#ids)]
  if work == "patch" then return wrk.format("PATCH", path, json, string.format('{"status":"S-%s-%d"}', run, made)) end
  return wrk.format("GET", path)
end

function done(summary, latency)
  local e = summary.errors
  print(string.format('RESULT {"perSecond":%.1f,"p50":%.3f,"p99":%.3f,"bad":%d}',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
