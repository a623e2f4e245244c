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
---@class tenon.map
---@field reject any a value that fails the record
---@field warn any a fault that is reported while the record goes on
---@overload fun(declaration: tenon.map.declaration): any
local map = {}

---@class tenon.map.declaration
---@field reads string "system.entity"
---@field writes string the resource
---@field key string|tenon.map.value target field that is the external id, or a value of its own
---@field out table<string, tenon.map.value|false>? their field = value of ours, where set cannot be inverted; false: not sent
---@field title string?
---@field any_case boolean? source names match in any case
---@field set table<string, any> target field to value
---@field example { give: table|string, expect: any }?
---@field examples table[]?

--- The value at a path of the source record: "a.b", "a[0]" (the first element), "a[*].b" (all, as a list),
--- 'a[code="012"].b' (the first element whose `code` has this text; 'a[code="012",kind.no="7"]' has to meet both,
--- 'a[*][code="012"].b' gives all that do).  One value and a list of one read alike.  A name with a dot or bracket
--- stands in '["odd.name"]': '["@odata.etag"]'.
---@param path string
---@return tenon.map.value
function map.from(path) end

---@param value any
---@return tenon.map.value
function map.const(value) end

--- "{a}-{b}": texts of the source put together.
---@param text string
---@return tenon.map.value
function map.template(text) end

--- The first of these that is there.
---@param values table
---@return tenon.map.value
function map.first(values) end

--- One value if the test holds, else the other (or none).
---@param test tenon.map.value made with is, is_not, present, above or below
---@param value any
---@param otherwise any?
---@return tenon.map.value
function map.when(test, value, otherwise) end

---@param fields table<string, any>
---@return tenon.map.value
function map.object(fields) end

--- A function of the record.  A whole number of up to 64 bits is an integer, however it is written (5, 5.0, 5e0); any
--- other is a decimal.  Integers have the methods of decimals: source.price:div(3, 2).  A result with a float that may
--- be rounded (1 / 3) is refused.
---@param fn fun(source: table): any
---@return tenon.map.value
function map.fn(fn) end

--- In what `flatten` sets: a field of the parent, or with no path the parent's id.
---@param path string?
---@return tenon.map.value
function map.parent(path) end

--- In what `flatten` sets: 1 for the children of the root, and so on.
---@return tenon.map.value
function map.level() end

---@class tenon.map.value
local Value = {}

---@alias tenon.map.rounding "half_up"|"half_even"|"down"|"up"|"none"

--- As a text.
---@return tenon.map.value
function Value:text() end

---@return tenon.map.value
function Value:trim() end

--- ASCII letters only, as lower.
---@return tenon.map.value
function Value:upper() end

---@return tenon.map.value
function Value:lower() end

--- As string.sub, in characters.
---@param first integer
---@param last integer? -1
---@return tenon.map.value
function Value:sub(first, last) end

--- Every occurrence, taken literally.
---@param what string
---@param by string
---@return tenon.map.value
function Value:replace(what, by) end

---@param width integer
---@param fill string
---@return tenon.map.value
function Value:pad_left(width, fill) end

---@param width integer
---@param fill string
---@return tenon.map.value
function Value:pad_right(width, fill) end

---@param separator string
---@return tenon.map.value
function Value:split(separator) end

---@param separator string
---@return tenon.map.value
function Value:join(separator) end

--- This text (or an empty one) counts as nothing.
---@param text string?
---@return tenon.map.value
function Value:blank(text) end

--- A text counts as a number: "7", ".5", "+5", "0000125" (which is 125), "1e3", spaces around.  So do integer and
--- decimal, and decimal.new reads texts in the same way.
---@param options { min: any, max: any }?
---@return tenon.map.value
function Value:number(options) end

---@param options { min: any, max: any }?
---@return tenon.map.value
function Value:integer(options) end

---@param options { scale: integer?, rounding: tenon.map.rounding?, as: "number"|"text"|nil }?
---@return tenon.map.value
function Value:decimal(options) end

--- A number as a system prints it, its sign in front or behind (+, - or U+2212): "100.00-".  point is "." unless told;
--- group (none unless told) stands between groups of three digits, " " also for no-break spaces; currency is a text
--- before or behind that may be missing.  implied = 2 reads "0000125" as 1.25.  It is not undone by --back.
---@param options { point: string?, group: string?, implied: integer?, currency: string? }?
---@return tenon.map.value
function Value:amount(options) end

--- The words that mean true and false.
---@param words table?
---@return tenon.map.value
function Value:boolean(words) end

--- ISO 8601, or by `format`: text and %Y %y %m %b %d %e %j %H %I %M %S %f %p %z %T %F %%; %m %d %H between texts
--- read one digit, too; %-m %-d %-H %-I also write none but the needed ones.  Or the format is "epoch" ("%s"), "epoch_ms",
--- "/Date()/" (OData 2) or "cyyddd" (JD Edwards).  zone: "UTC", "+02:00", "Europe/Berlin", "W. Europe Standard Time".
---@param options { format: string?, zone: string? }?
---@return tenon.map.value
function Value:time(options) end

--- Formats as time.
---@param options { format: string?, zone: string? }?
---@return tenon.map.value
function Value:date(options) end

--- `{ [1] = "RELEASED", default = map.reject }`
---@param values table
---@return tenon.map.value
function Value:lookup(values) end

---@param options { from: string, to: string, scale: integer?, rounding: tenon.map.rounding? }
---@return tenon.map.value
function Value:unit(options) end

--- A mapping for each element of a list.
---@param fields table<string, any>
---@return tenon.map.value
function Value:each(fields) end

--- A tree as rows, one for each child under its parent, parents first.  What is below a node that
--- comes again is given once; a node below itself is a fault that says the way.
---@param tree { children: string, id: string, root_id: string?, set: table<string, any> }
---@return tenon.map.value
function Value:flatten(tree) end

---@param value any
---@return tenon.map.value
function Value:default(value) end

---@return tenon.map.value
function Value:required() end

--- The value is not shown in errors and logs.
---@return tenon.map.value
function Value:secret() end

---@param what "reject"|"warn"|"default"
---@return tenon.map.value
function Value:on_fault(what) end

--- For map.when: is it one of these?
---@param ... any
---@return tenon.map.value
function Value:is(...) end

---@param ... any
---@return tenon.map.value
function Value:is_not(...) end

---@return tenon.map.value
function Value:present() end

---@param value any
---@return tenon.map.value
function Value:above(value) end

---@param value any
---@return tenon.map.value
function Value:below(value) end

return map
