// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

const ROWS = 2000;

/* A number as an integer of units of 10^-30, and some spellings of it. */
const UNIT = 10n ** 30n;

function units(text) {
  const [, sign, whole, fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  const places = 30 - fraction.length + Number(exponent);
  const value = BigInt(whole + fraction) * 10n ** BigInt(places);
  return sign ? -value : value;
}

function spelled(random) {
  const pick = (n) => Math.floor(random() * n);
  const digits = (n) => Array.from({ length: n }, () => pick(10)).join("");
  const whole = `${pick(2) ? "-" : ""}${1 + pick(9)}${digits(pick(4))}`;
  const forms = [
    whole,
    `${whole}.0`,
    `${whole}.${digits(1 + pick(3))}`,
    `${whole}.50`,
    `${whole}e${pick(4)}`,
    `${whole}.5E+3`,
    `${whole}5e-1`,
    `${1 + pick(8)}${digits(18)}`,
  ];
  return forms[pick(forms.length)];
}

function seeded(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

const floor = (a, b) => a / b - (a % b !== 0n && a < 0n !== b < 0n ? 1n : 0n);

/* What each word has to give, as a text of JSON or as a number of units. */
function expected(a, b) {
  const whole = a % UNIT === 0n;
  return {
    kind: whole ? '"integer"' : '"decimal"',
    same: a,
    ton: a,
    negative: -a,
    floor: floor(a, UNIT) * UNIT,
    idiv: floor(a, b) * UNIT,
    mod: a - floor(a, b) * b,
    less: String(a < b),
    equal: String(a === b),
    sum: a + b,
    product: (a * b) / UNIT,
  };
}

const words = `function(r)
  local a, b = r.a, r.b
  return {
    kind = math.type(a) or "decimal", same = a, ton = tonumber(a), negative = -a,
    floor = math.floor(a), idiv = a // b, mod = a % b, less = a < b, equal = a == b,
    sum = r.long and 0 or a + b, product = r.long and 0 or a * b,
  }
end`;

story("case 28: numbers in function fields are exact, however they are written", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, mapping({ more: `attributes = ${words},` }));
  const random = seeded(20);
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const a = spelled(random);
    /* every third pair is equal by value */
    const b = i % 3 || !/^-?\d+$/.test(a) ? spelled(random) : `${a}.00`;
    return { a, b, long: units(a) > 10n ** 45n || units(b) > 10n ** 45n };
  });
  const input = rows.map(
    ({ a, b, long }, i) =>
      `{"ItemId":${i + 1},"ItemNumber":"P${i}","a":${a},"b":${b},"long":${long}}`,
  );
  const run = await command(["map", "oracle_fusion/item", "--no-examples"], {
    site: site.path,
    input: `${input.join("\n")}\n`,
  });
  assert.equal(run.code, 0, run.stderr.slice(0, 2000));
  const lines = run.stdout.trimEnd().split("\n");
  assert.equal(lines.length, ROWS);
  for (const [i, { a, b, long }] of rows.entries()) {
    const wanted = expected(units(a), units(b));
    for (const [word, value] of Object.entries(wanted)) {
      if (long && (word === "sum" || word === "product")) continue;
      const got = new RegExp(`"${word}":([^,}]+)`).exec(lines[i])[1];
      const right = typeof value === "bigint" ? units(got) === value : got === value;
      assert.ok(right, `${word} of ${a} and ${b}: ${got}`);
    }
  }
});
