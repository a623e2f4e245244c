-- SPDX-License-Identifier: MIT
-- rest_get.lua: for wrk: GET of records at random from a file of ids; result as one line of JSON.
local paths = {}

function init(args)
  for id in io.lines(args[1]) do paths[#paths + 1] = "/api/v1/items/" .. id end
  wrk.headers["Authorization"] = "Bearer " .. args[2]
  math.randomseed(7)
end

function request()
  return wrk.format("GET", paths[math.random(#paths)])
end

function done(summary, latency)
  local e = summary.errors
  print(string.format('RESULT {"perSecond":%.1f,"p50":%.3f,"p99":%.3f,"bad":%d}',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
