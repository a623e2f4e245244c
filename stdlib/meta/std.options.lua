---@meta std.options
-- Checks the table of options that a function takes. The modules of std use it; so can yours.

local options = {}

---@class tenon.options.row     kinds, one or several: "string", "integer", "boolean", "table", "strings", "function"
---@field [integer] string
---@field required? boolean
---@field min? integer          of a whole number
---@field takes? table<string, tenon.options.row>  the options of the table that this one holds

---A function that checks a table of options and answers it; nil counts as an empty one.  It raises where the
---function that takes the options was called: for an unknown name (with the nearest known one), a value of another
---kind, and one that is missing.
---
---```lua
---local checked = options.checker("parts.walk", { path = { "string", required = true }, size = { "integer", min = 1 } })
---function parts.walk(conn, given)
---  local o = checked(given)              -- parts.walk: unknown option 'sise'; did you mean 'size'?
---  ...
---end
---```
---@param what string                      name of the function that takes them
---@param known table<string, tenon.options.row>
---@return fun(given: table?): table
function options.checker(what, known) end

return options
