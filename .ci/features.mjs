#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// features.mjs - reads docs/features.tsv, the table of all that Tenon promises, counts what is shown by
// tests, and refuses a row that cannot be true.  A row is: id, statement, settles (C and G ids), test.
// A test is named kind/file or kind/file > name; several stand with " + " between them.
//   features.mjs [--ran] [--check | --json | --missing [PREFIX]]
// --ran also asks the record of the last ./dev test (build/dev/tests-ran) whether each of them passed.
import { existsSync, readdirSync, readFileSync } from "node:fs";

const table = "docs/features.tsv";
const record = "build/dev/tests-ran";
const columns = ["id", "statement", "settles", "test"];
const sources = [
  ["S0", "ERP and PLM integrations"],
  ["S1", "integration layer"],
  ["S2", "MES external API"],
  ["S3", "MES connectivity"],
  ["S4", "ERP connections"],
  ["N", "what no other system has"],
  ["P", "promises of reliability"],
];

// The name that a call is given: a text, or a template.
const name = '\\(\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|`((?:[^`\\\\]|\\\\.)*)`)';
const told = (call) => new RegExp(`(?<![\\w.])${call}${name}`, "g");
const kinds = {
  scenario: { file: /^(.+)\.test\.mjs$/, names: told("story") },
  harness: { file: /^(.+)\.test\.mjs$/, names: told("test") },
  fakes: { file: /^(.+)\.test\.mjs$/, names: told("test") },
  lua: { file: /^(.+)\.test\.lua$/, names: told("test") },
  unit: { file: /^(test_.+)\.c$/, names: /^static void\s+(\w+)\(void \*\*\w+\)/gm },
  fuzz: { file: /^(fuzz_.+)\.c$/ },
};

const plain = (text) => text.replace(/\\(.)/g, "$1");
const list = (folder) => (existsSync(folder) ? readdirSync(folder) : []);
const read = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "");

// ---------------------------------------------------------------- the tests that there are

// The names of all tests in the tree, and patterns for names that a file computes.
function known() {
  const all = { names: new Set(), patterns: [] };
  for (const [kind, { file, names }] of Object.entries(kinds)) {
    for (const entry of list(`tests/${kind}`)) {
      const word = file.exec(entry)?.[1];
      if (!word) continue;
      all.names.add(`${kind}/${word}`);
      if (names) collect(read(`tests/${kind}/${entry}`), names, `${kind}/${word}`, all);
    }
  }
  return all;
}

function collect(text, names, file, all) {
  for (const [, literal, template] of text.matchAll(names)) {
    const name = literal ?? template;
    if (template?.includes("${")) all.patterns.push({ file, name: computed(name) });
    else all.names.add(`${file} > ${plain(name)}`);
  }
}

// Kind and file, and the name of the test in it.
function halves(name) {
  const at = name.indexOf(" > ");
  return at < 0 ? [name] : [name.slice(0, at), name.slice(at + 3)];
}

function isKnown(wanted, all) {
  const [file, name] = halves(wanted);
  return all.names.has(wanted) || (name && all.patterns.some((p) => p.file === file && p.name.test(name)));
}

function computed(template) {
  const exactly = (part) => plain(part).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${template.split(/\$\{[^}]*\}/).map(exactly).join(".+")}$`);
}

function distance(a, b) {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++)
      row[j] = Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] !== b[j - 1]));
    above = row;
  }
  return above[b.length];
}

function nearest(name, names) {
  let best = { far: Infinity };
  for (const other of names) {
    const far = distance(name, other);
    if (far < best.far) best = { far, other };
  }
  return best.other ? `; the nearest is "${best.other}"` : "";
}

// ---------------------------------------------------------------- the tests that ran

const gravity = ["pass", "skip", "fail"];

// name -> result.  A file's name has the gravest result of its tests.
class Results extends Map {
  put(file, name, result) {
    for (const key of [file, `${file} > ${name}`]) {
      const before = this.get(key) ?? "pass";
      this.set(key, gravity[Math.max(gravity.indexOf(before), gravity.indexOf(result))]);
    }
  }
}

function ran(all) {
  const results = new Results();
  for (const part of list(record)) {
    const text = read(`${record}/${part}`);
    if (part.endsWith(".tsv")) nodeTests(text, results, all);
    else if (part.endsWith(".tap")) luaTests(text, results);
    else if (part.endsWith(".xml")) unitTests(text, results);
  }
  return results;
}

// Written by ran-reporter.mjs: file, name, result.  The file is where test() was called; of a story
// that is the harness, so its own file is found by its name.
function nodeTests(text, results, all) {
  for (const line of text.split("\n").filter(Boolean)) {
    const [path, name, result] = line.split("\t");
    const [, kind, word] = /tests\/(\w+)\/([^/]+)\.test\.mjs$/.exec(path) ?? [];
    for (const file of kind ? [`${kind}/${word}`] : storyFiles(name, all)) results.put(file, name, result);
  }
}

function storyFiles(name, all) {
  const stories = [...all.names].map(halves).filter(([file]) => file.startsWith("scenario/"));
  const literal = stories.filter(([, own]) => own === name);
  if (literal.length) return literal.map(([file]) => file);
  return all.patterns.filter((pattern) => pattern.name.test(name)).map((pattern) => pattern.file);
}

// Written by tenon test --tap: ok 3 - tests/lua/page.test.lua: its name
function luaTests(text, results) {
  for (const [, not, word, name] of text.matchAll(/^(not )?ok \d+ - (?:.*\/)?([^/]+)\.test\.lua: (.*)$/gm))
    results.put(`lua/${word}`, plain(name), not ? "fail" : "pass");
}

// Written by ctest: a test case is a program, whose output tells of each test in it.
function unitTests(text, results) {
  const programs = /<testcase name="(\w+)"[^>]* status="(\w+)"[^>]*>([\s\S]*?)<\/testcase>/g;
  for (const [, program, status, output] of text.matchAll(programs)) {
    const file = `${program.startsWith("fuzz_") ? "fuzz" : "unit"}/${program}`;
    const result = { run: "pass", fail: "fail" }[status] ?? "skip";
    for (const [, word, name] of output.matchAll(/\[ +(OK|FAILED|SKIPPED) +\] (\w+)$/gm))
      results.put(file, name, { OK: "pass", FAILED: "fail", SKIPPED: "skip" }[word]);
    results.put(file, "", result);
  }
}

// ---------------------------------------------------------------- the table

function rows(complain) {
  const [header, ...lines] = read(table).replace(/\n$/, "").split("\n");
  if (header !== columns.join("\t")) complain(1, `the first line has to name ${columns.join(", ")}`);
  const lineOf = new Map();
  const found = [];
  for (const [i, text] of lines.entries()) {
    const row = parse(text, i + 2, complain);
    if (!row) continue;
    if (lineOf.has(row.id)) complain(row.line, `${row.id} stands in line ${lineOf.get(row.id)} already`);
    lineOf.set(row.id, row.line);
    found.push(row);
  }
  return found;
}

function parse(text, line, complain) {
  const cells = text.split("\t");
  if (cells.length !== columns.length) {
    complain(line, `a row has ${columns.length} columns, parted by tabs; this one has ${cells.length}`);
    return null;
  }
  const [id, statement, settles, test] = cells;
  if (!/^(S[0-4]-\d{3}|[NP][1-9]\d?)$/.test(id)) complain(line, `"${id}" is no id such as S0-001, N1 or P1`);
  if (!statement.trim()) complain(line, `${id} states nothing`);
  for (const other of settles.split(" ").filter(Boolean))
    if (!/^[CG][1-9]\d?$/.test(other)) complain(line, `"${other}" is neither a C nor a G`);
  return { id, line, statement, tests: test ? test.split(" + ") : [] };
}

function checkTests(row, all, results, complain) {
  const ends = { fail: "did not pass", skip: "was left out" };
  for (const name of row.tests) {
    if (!isKnown(name, all))
      complain(row.line, `there is no test "${name}"${nearest(name, all.names)}`);
    else if (results && results.get(name) !== "pass")
      complain(row.line, `the test "${name}" ${ends[results.get(name)] ?? "did not run"}`);
  }
}

// ---------------------------------------------------------------- answers

function count(found) {
  const counts = sources.map(([source, title]) => {
    const own = found.filter((row) => row.id.startsWith(source));
    return { source, title, rows: own.length, shown: own.filter((row) => row.tests.length).length };
  });
  const sum = (key) => counts.reduce((total, row) => total + row[key], 0);
  counts.push({ source: "all", title: "", rows: sum("rows"), shown: sum("shown") });
  return counts.map((row) => ({ ...row, missing: row.rows - row.shown }));
}

function showCounts(found) {
  const line = (source, title, ...numbers) =>
    console.log(source.padEnd(6) + title.padEnd(28) + numbers.map((n) => String(n).padStart(9)).join(""));
  line("", "", "rows", "shown", "missing");
  for (const row of count(found)) line(row.source, row.title, row.rows, row.shown, row.missing);
}

function showMissing(found, prefix) {
  for (const row of found)
    if (!row.tests.length && row.id.startsWith(prefix)) console.log(`${row.id.padEnd(7)} ${row.statement}`);
}

const forms = {
  table: showCounts,
  "--check": () => console.log("features: ok"),
  "--json": (found) => console.log(JSON.stringify(count(found))),
  "--missing": showMissing,
};

function main(words) {
  const asked = words.includes("--ran");
  const [form = "table", prefix = "", ...more] = words.filter((word) => word !== "--ran");
  if (!Object.hasOwn(forms, form) || more.length || (prefix && form !== "--missing")) {
    console.error("usage: ./dev features [--ran] [--check | --json | --missing [PREFIX]]");
    process.exit(2);
  }
  let faults = 0;
  const complain = (line, text) => {
    console.error(`${table}:${line}: ${text}`);
    faults++;
  };
  if (asked && !existsSync(record)) complain(1, `there is no ${record}, which ./dev test leaves`);
  const found = rows(complain);
  const all = known();
  const results = asked && existsSync(record) ? ran(all) : null;
  for (const row of found) checkTests(row, all, results, complain);
  if (faults) process.exit(1);
  forms[form](found, prefix);
}

main(process.argv.slice(2));
