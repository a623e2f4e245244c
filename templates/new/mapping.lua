-- new/mapping.lua: a mapping and its test, from a sample or made up.
local proposal = require "new.proposal"
local record   = require "new.record"
local sample   = require "new.sample"

local function how_to_try(request, path, delimiter)
  local from = request.from
  local words = { "tenon map " .. request.name .. " --site " .. request.site }
  if from.format == "csv" then words[#words + 1] = "--from csv" end
  if delimiter and delimiter ~= "," then words[#words + 1] = "--delimiter '" .. delimiter .. "'" end
  if from.format == "xml" then words[#words + 1] = "--from xml" end
  if path ~= "" then words[#words + 1] = "--rows " .. path end
  return "try it: " .. table.concat(words, " ") .. " < " .. from.path
end

return function(request)
  local samples, path, order, delimiter = { record.of_peer(request.resource) }, nil, nil, nil
  if request.from then samples, path, order, delimiter = sample.read(request.from) end
  local file = proposal.mapping(request.name, request.resource, samples, order)
  return { files = { file, proposal.test(file) }, note = request.from and how_to_try(request, path, delimiter) }
end
