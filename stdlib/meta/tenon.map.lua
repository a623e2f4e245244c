---@meta tenon.map

--- A mapping: how a record of one shape becomes a record of another.  It is data that is compiled once; only
--- fields given as functions enter Lua.
---
--- ```lua
--- local map  = require "tenon.map"
--- local from = map.from
--- return map {
---   reads = "oracle_ebs.work_order", writes = "work_order", key = "external_id",
---   set = {
---     external_id = from "wip_entity_id" :text(),
---     quantity    = from "start_quantity" :number { min = 0 },
---     status      = from "status_type" :lookup { [1] = "RELEASED", default = map.reject },
---   },
---   example = { give = { wip_entity_id = 7, start_quantity = 10, status_type = 1 },
---               expect = { external_id = "7", quantity = 10, status = "RELEASED" } },
--- }
--- ```

-- What require "tenon.map" gives, for editors.

---@class tenon.map.Value  a source and the operators behind it; never changes
local Value = {}

---@alias tenon.map.Field tenon.map.Value | fun(src: table): any

-- texts (a number or a boolean counts as its text)

---@return tenon.map.Value  number: its digits; boolean: its word
function Value:text() end
---@return tenon.map.Value
function Value:trim() end
---@return tenon.map.Value
function Value:upper() end
---@return tenon.map.Value
function Value:lower() end
---@param first integer  from 1; negative from the end
---@param last? integer
---@return tenon.map.Value
function Value:sub(first, last) end
---@param what string  plain text
---@param by string
---@return tenon.map.Value
function Value:replace(what, by) end
---@param width integer
---@param char string
---@return tenon.map.Value
function Value:pad_left(width, char) end
---@param width integer
---@param char string
---@return tenon.map.Value
function Value:pad_right(width, char) end
---@param separator string
---@return tenon.map.Value  a list of texts
function Value:split(separator) end
---@param separator string
---@return tenon.map.Value  the elements of a list as one text
function Value:join(separator) end
---@param text? string  a text that counts as absent; "" when not given
---@return tenon.map.Value
function Value:blank(text) end

-- numbers, booleans, times

---@param limits? { min?: number|string, max?: number|string }
---@return tenon.map.Value  exact; a text that is a number counts as one
function Value:number(limits) end
---@param limits? { min?: number|string, max?: number|string }
---@return tenon.map.Value
function Value:integer(limits) end
---@param options? { scale?: integer, rounding?: "half_up"|"half_even"|"down"|"up"|"none", as?: "number"|"text" }
---@return tenon.map.Value
function Value:decimal(options) end
---@param options { from: string, to: string, scale?: integer, rounding?: "half_up"|"half_even"|"down"|"up"|"none" }
---@return tenon.map.Value
function Value:unit(options) end
---@param words? table<string, boolean>  besides true, yes, y, 1, on and their opposites
---@return tenon.map.Value
function Value:boolean(words) end
---@param options? { format?: string, zone?: string }
---@return tenon.map.Value  in UTC: 2026-01-31T08:09:10.123Z
function Value:time(options) end
---@param options? { format?: string }
---@return tenon.map.Value  2026-01-31
function Value:date(options) end

---@param rows table<string|number|boolean, any>  default = any value, map.reject or map.warn
---@return tenon.map.Value
function Value:lookup(rows) end

---@param set table<string, tenon.map.Field>
---@return tenon.map.Value  a list: each element of the path mapped
function Value:each(set) end

---@class tenon.map.Tree
---@field children string  path of the children in a node: a list, or one object
---@field id string  path of what a child is known by
---@field root_id? string  the same in the root, where it has another name
---@field set table<string, tenon.map.Field>  of each row: a child under its parent

---@param tree tenon.map.Tree
---@return tenon.map.Value  a list, parents first; below a node that comes again: once
function Value:flatten(tree) end

-- what belongs to a field

---@param value any  when there is none, or null
---@return tenon.map.Value
function Value:default(value) end
---@return tenon.map.Value
function Value:required() end
---@return tenon.map.Value  its value is not shown in messages
function Value:secret() end
---@param what "reject"|"warn"|"default"
---@return tenon.map.Value
function Value:on_fault(what) end

-- tests, for map.when

---@param ... string|number|boolean
function Value:is(...) end
---@param ... string|number|boolean
function Value:is_not(...) end
function Value:present() end
---@param limit number
function Value:above(limit) end
---@param limit number
function Value:below(limit) end

---@class tenon.map
---@field reject lightuserdata
---@field warn lightuserdata
---@overload fun(declaration: tenon.map.Declaration): userdata
local map = {}

---@class tenon.map.Example
---@field give table|string  a record, or JSON where digits matter
---@field expect table|string|lightuserdata  map.reject: the record is rejected

---@class tenon.map.Declaration
---@field reads string
---@field writes string
---@field key string|tenon.map.Value  the target field that is the external id, or a value of its own
---@field set table<string, tenon.map.Field>
---@field out? table<string, tenon.map.Field|false>  their field = value of ours, where set cannot be inverted
---@field example? tenon.map.Example
---@field examples? tenon.map.Example[]
---@field any_case? boolean  source names match whatever their case
---@field title? string

---@param path string  a.b, a[0], a[*].b, ["odd.name"]
---@return tenon.map.Value
function map.from(path) end
---@param value any
---@return tenon.map.Value
function map.const(value) end
---@param text string  "{path}-{path}"
---@return tenon.map.Value
function map.template(text) end
---@param alternatives (string|tenon.map.Field)[]
---@return tenon.map.Value
function map.first(alternatives) end
---@param test any  from "kind" :is("BUY")
---@param value tenon.map.Field
---@param otherwise? tenon.map.Field
---@return tenon.map.Value
function map.when(test, value, otherwise) end
---@param set table<string, tenon.map.Field>
---@return tenon.map.Value
function map.object(set) end
---@param path? string  in what flatten sets: of the parent; none: its id
---@return tenon.map.Value
function map.parent(path) end
---@return tenon.map.Value  in what flatten sets: 1 below the root, and so on
function map.level() end
---@param f fun(src: table): any
---@return tenon.map.Value
function map.fn(f) end

return map
