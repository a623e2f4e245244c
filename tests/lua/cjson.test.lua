local cjson = require "cjson"
local safe = require "cjson.safe"
local json = require "tenon.json"

local function has(text, words) expect(text:find(words, 1, true) ~= nil):equals(true) end

test("a script that uses cjson runs as it is", function()
  local t = cjson.decode('{"a":[1,null,"x"],"b":{"c":true}}')
  expect(t.a[1]):equals(1)
  expect(t.a[2] == cjson.null):equals(true)
  expect(t.b.c):equals(true)
  expect(cjson.encode({ n = 1 })):equals('{"n":1}')
  expect(safe.decode("{")):equals(nil)
  has(select(2, safe.decode("{")), "Expected")
  expect(function() cjson.decode("{") end):fails_with("script", "Expected")
end)

test("null of cjson is null in JSON of Tenon", function()
  expect(json.encode({ a = cjson.null })):equals('{"a":null}')
end)

test("what is too large for cjson is refused with the limit", function()
  local long = '"' .. string.rep("x", 256 * 1024) .. '"'
  expect(function() cjson.decode(long) end):fails_with("script", "too many bytes: cjson takes up to 262144")
  has(select(2, safe.decode(long)), "262144")
  local wide = {}
  for i = 1, 10001 do wide[i] = i end
  expect(function() cjson.encode(wide) end):fails_with("script", "too many values: cjson takes up to 20000")
  has(select(2, safe.encode({ string.rep("x", 300000) })), "too many bytes")
  local deep = {}
  for _ = 1, 3000 do deep = { deep } end
  has(select(2, safe.encode(deep)), "nest")
  has(select(2, safe.decode(string.rep("[", 3000))), "nest")
  expect(function() cjson.decode_max_depth(1000000) end):fails_with("script", "up to 1000")
end)

test("an instance of its own has the same limits, and the module cannot be changed", function()
  local own = cjson.new()
  own.encode_number_precision(3)
  expect(own.encode({ 1.23456 })):equals("[1.23]")
  expect(cjson.encode({ 1.23456 })):equals("[1.23456]")
  expect(function() own.decode('"' .. string.rep("x", 300000) .. '"') end):fails_with("script", "too many bytes")
  expect(function() cjson.decode = nil end):fails_with("script", "read%-only")
  expect(function() return cjson.encode_empty_table_as_object end):fails_with("script", "encode_empty_table_as_object")
end)
