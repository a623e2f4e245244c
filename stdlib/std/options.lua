-- std/options.lua: checks the table of options that a function takes, so that a misspelt name is an error where it
-- is written, not an option without effect.
local tn = require "tenon"

local options = {}

local function is(value, kind)
  if kind == "integer" then return math.type(value) == "integer" end
  if kind == "strings" then
    if type(value) ~= "table" then return false end
    for _, entry in ipairs(value) do if type(entry) ~= "string" then return false end end
    return #value > 0 or next(value) == nil
  end
  return type(value) == kind
end

local WORDS = { string = "a text", integer = "a whole number", boolean = "true or false", table = "a table",
                strings = "a list of texts", ["function"] = "a function" }

-- What is wrong with one value, or nil.
local function fault_of(name, value, row)
  local fits, words = false, {}
  for i = 1, #row do
    fits = fits or is(value, row[i])
    words[i] = WORDS[row[i]] or error("std.options knows no kind '" .. tostring(row[i]) .. "'")
  end
  local wanted = table.concat(words, " or ")
  if row.min then wanted = ("%s from %d on"):format(wanted, row.min) end
  if fits and row.one_of then
    for _, word in ipairs(row.one_of) do if word == value then return nil end end
    return ("option '%s' has to be one of %s, not '%s'"):format(name, table.concat(row.one_of, ", "), value)
  end
  if fits and not (row.min and value < row.min) then return nil end
  local shown = type(value) == "number" and tostring(value) or type(value)
  return ("option '%s' has to be %s, not %s"):format(name, wanted, shown)
end

local function names_of(known)
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- What is wrong with the table, or nil.
local function fault_in(given, known)
  if type(given) ~= "table" then return ("its options have to be a table, not %s"):format(type(given)) end
  for name, value in pairs(given) do
    local row = known[name]
    if not row then
      local names = names_of(known)
      local hint = tn.did_you_mean(tostring(name), names)
      return ("unknown option '%s'%s"):format(tostring(name),
        hint ~= "" and hint or "; it takes " .. table.concat(names, ", "))
    end
    local fault = fault_of(name, value, row)
    if fault then return fault end
    fault = row.takes and type(value) == "table" and fault_in(value, row.takes)
    if fault then return ("%s: %s"):format(name, fault) end
  end
  for _, name in ipairs(names_of(known)) do
    if known[name].required and given[name] == nil then return ("option '%s' is required"):format(name) end
  end
end

-- A function that checks such a table (nil is an empty one), answers it, and raises at the caller of the function that
-- takes it.  what: the name of that function.  known: for each option its kinds ("string", "integer", "boolean",
-- "table", "strings", "function"), and if need be required = true, min, one_of (a list of
-- texts), and takes = the options of a table in it.
function options.checker(what, known)
  return function(given)
    if given == nil then given = {} end
    local fault = fault_in(given, known)
    if fault then error(what .. ": " .. fault, 3) end
    return given
  end
end

return options
