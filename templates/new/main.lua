-- new/main.lua: for tenon new.  A request gives the files of a start.
local record = require "new.record"

local KINDS = { site = require "new.site", adapter = require "new.adapter", mapping = require "new.mapping",
                resource = require "new.resource", rule = require "new.rule", surface = require "new.surface",
                test = require "new.test" }

return function(request)
  for _, resource in ipairs(request.resources) do
    if resource.name == request.entity then request.resource = resource end
  end
  if request.kind == "rule" or request.kind == "surface" then request.record = record.literal(request.resource) end
  return KINDS[request.kind](request)
end
