---@meta tenon.decimal

--- Numbers with all their digits.  + - * and < <= > >= work with integers, floats and texts of numbers as
--- well; digits behind the point are kept: 0.10 + 0.2 is 0.30.
---
--- //, %, math.floor, math.ceil, math.abs and math.tointeger are exact as well; tonumber gives the decimal itself.
---
--- == holds between two decimals alone: Lua takes values of different types for different and asks nobody, so
--- decimal.new("1") == 1 is false.  Write price:compare(1) == 0, or price == decimal.new(1).
---
--- ```lua
--- local decimal = require "tenon.decimal"
--- local price = decimal.new "0.10"
--- tostring(price * 3)                     --> 0.30
--- tostring((price * 3):div(7, 4))         --> 0.0429
--- ```
---@class tenon.decimal.module
local decimal = {}

--- Texts are read as the mapping word :decimal() reads them: ".5", "+5", "0000125" and spaces around are fine.
--- A text that is no number gives nil and an err of kind "invalid".
---@param value string|number|tenon.decimal
---@return tenon.decimal? value
---@return tenon.error? err
function decimal.new(value) end

---@param value any
---@return boolean
function decimal.is(value) end

---@class tenon.decimal
---@operator add(tenon.decimal|number|string): tenon.decimal
---@operator sub(tenon.decimal|number|string): tenon.decimal
---@operator mul(tenon.decimal|number|string): tenon.decimal
---@operator unm: tenon.decimal
---@operator idiv(tenon.decimal|number|string): tenon.decimal|integer
---@operator mod(tenon.decimal|number|string): tenon.decimal
local Decimal = {}

---@alias tenon.rounding "half_even"|"half_up"|"down"|"up"

--- The quotient with so many digits behind the point.  Raises when other is zero.
---@param other tenon.decimal|number|string
---@param digits integer 0 to 900
---@param mode tenon.rounding? "half_even"
---@return tenon.decimal
function Decimal:div(other, digits, mode) end

---@param digits integer 0 to 900
---@param mode tenon.rounding? "half_even"
---@return tenon.decimal
function Decimal:round(digits, mode) end

--- -1, 0 or 1.
---@param other tenon.decimal|number|string
---@return integer
function Decimal:compare(other) end

--- -1, 0 or 1.
---@return integer
function Decimal:sign() end

--- nil when it has a fraction or more than 64 bits.
---@return integer?
function Decimal:integer() end

--- The nearest float: digits may be lost.
---@return number
function Decimal:number() end

---@return string
function Decimal:text() end

return decimal
