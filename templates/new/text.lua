-- new/text.lua: small tools of the files that write a start.
local text = {}

-- The words @NAME@ and the like of a template, exchanged; a word without a value is a mistake of the template.
function text.fill(template, words)
  return (template:gsub("@([A-Z_]+)@", function(name)
    return words[name] or error("the template has no value for " .. name, 0)
  end))
end

-- A Lua string as it stands in a file.
function text.quote(value)
  return '"' .. value:gsub('[\\"]', "\\%0"):gsub("\n", "\\n"):gsub("[%c]", " ") .. '"'
end

-- "orderLines" and "order_lines" as "order lines".
function text.words(name)
  return (name:gsub("(%l)(%u)", "%1 %2"):gsub("[_%-]+", " "):lower())
end

-- A name without letters of either case, signs and blanks, for comparing.
function text.plain(name)
  return (name:lower():gsub("[^%w]", ""))
end

-- A path of a mapping: a name that is no plain word stands in brackets.
function text.path(names)
  local out = ""
  for _, name in ipairs(names) do
    if name:find("[%.%[%]]") then
      out = out .. "[" .. text.quote(name) .. "]"
    else
      out = out .. (out == "" and "" or ".") .. name
    end
  end
  return out
end

function text.first_upper(word)
  return (word:gsub("^%l", string.upper))
end

return text
