// SPDX-License-Identifier: MIT
// tree.mjs - a copy of this tree that a story may change and build.  To build all of it would take
// minutes, so its ./dev compiles only the files of C that differ from this tree's, with the flags of
// this tree's build, and links them in front of this tree's libraries.
//   ./dev build dev            tenon
//   ./dev demo [--exit]
//   ./dev test unit NAME...    these tests of C
//   ./dev test NAME            the stories with this part in their name
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { binary, root } from "./tenon.mjs";

const built = dirname(binary); // the folder of ninja
const here = fileURLToPath(import.meta.url);
const run = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26, ...options });
const filesOf = (...paths) =>
  run("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", ...paths], { cwd: root })
    .split("\0")
    .filter((file) => file && existsSync(join(root, file)));

const parts = ["runtime", "stdlib", "scripts", "mappings", "examples", "tests", ":!tests/fixtures", ":!tests/fuzz"];

// Gives the folder of the copy.
export function copyOfTheTree(stage) {
  assert.ok(existsSync(join(built, "build.ninja")), `${built} is no build folder of ninja`);
  const copy = stage.folder("tree");
  for (const file of filesOf(...parts)) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  mkdirSync(join(copy, "tests/fixtures")); // tests of C find the tree from there
  const words = [process.execPath, here, built].map((word) => `'${word}'`).join(" ");
  writeFileSync(join(copy, "dev"), `#!/bin/sh\nexec ${words} "$@"\n`);
  chmodSync(join(copy, "dev"), 0o755);
  return copy;
}

// The declarations of functions in one line that a header got change no object.
const withoutNews = (text, before) => {
  const known = new Set((before || "").split("\n"));
  const news = (line) => /^[a-z][\w *]*\(.*\);$/.test(line) && !known.has(line);
  return text.split("\n").filter((line) => !news(line)).join("\n");
};

// The files of C that have to be compiled: those that differ or are new, and those that include such a
// file, straight or by way of others.
function changedIn(copy) {
  const all = run("find", ["runtime", "tests/unit", "-name", "*.[chd]*", "-size", "+0"], { cwd: copy })
    .split("\n")
    .filter((file) => /\.(?:c|h|def)$/.test(file));
  const text = new Map(all.map((file) => [file, readFileSync(join(copy, file), "utf8")]));
  const before = (file) => existsSync(join(root, file)) && readFileSync(join(root, file), "utf8");
  const differs = (file) => {
    const now = text.get(file);
    return (file.endsWith(".h") ? withoutNews(now, before(file)) : now) !== before(file);
  };
  const changed = new Set(all.filter(differs));
  for (const file of changed) // grows meanwhile
    if (!file.endsWith(".c"))
      for (const other of all)
        if (text.get(other).includes(`#include "${file.replace(/^runtime\//, "")}"`)) changed.add(other);
  return [...changed].filter((file) => file.endsWith(".c"));
}

// How this tree's build compiles the file, or, where it is new, its neighbour.
function commandFor(commands, file) {
  const own = commands.find((command) => command.file === join(root, file));
  const beside = commands.find((command) => dirname(command.file) === join(root, dirname(file)));
  if (own || !beside) return own;
  const word = basename(beside.file);
  return { ...beside, command: beside.command.replaceAll(word, basename(file)) };
}

// Gives the object of each changed file by the path that it has in this tree's build.
function compile(copy, build, more) {
  const commands = JSON.parse(readFileSync(join(build, "compile_commands.json"), "utf8"));
  const objects = new Map();
  for (const file of new Set([...changedIn(copy), ...more])) {
    const one = commandFor(commands, file);
    if (!one) continue; // of a part that this build leaves out
    const [, output] = / -o (\S+)/.exec(one.command);
    const object = join(copy, "build/dev", `${file.replaceAll("/", "-")}.o`);
    run("sh", ["-c", one.command.replaceAll(root, `${copy}/`).replace(output, object)], { cwd: one.directory });
    objects.set(relative(build, join(one.directory, output)), object);
  }
  return objects;
}

function link(copy, build, target, objects) {
  const last = run("ninja", ["-C", build, "-t", "commands", target]).trimEnd().split("\n").at(-1);
  const [, output] = / -o (\S+)/.exec(last);
  const program = join(copy, "build/dev", output);
  const ofItsLibraries = (path) => last.includes(`lib${/^CMakeFiles\/(tn_\w+)\.dir\//.exec(path)?.[1]}.a`);
  const ours = [...objects].filter(([path]) => !last.includes(path) && ofItsLibraries(path));
  let command = last.replace(` -o ${output}`, ` ${ours.map(([, object]) => object).join(" ")} -o ${program}`);
  for (const [path, object] of objects) command = command.replace(path, object);
  mkdirSync(dirname(program), { recursive: true });
  run("sh", ["-c", command], { cwd: build });
  return program;
}

function dev(build, [what, ...args]) {
  const copy = process.cwd();
  mkdirSync(join(copy, "build/dev"), { recursive: true });
  const tests = what === "test" && args[0] === "unit" ? args.slice(1) : [];
  const objects = compile(copy, build, tests.map((test) => `tests/unit/${test}.c`));
  for (const test of tests) run(link(copy, build, test, objects), [], { stdio: "inherit" });
  if (tests.length) return;
  const env = { ...process.env, TENON: link(copy, build, "tenon", objects), NODE_TEST_CONTEXT: undefined };
  if (what === "demo") return run("examples/demo/run", args, { env, stdio: "inherit" });
  const stories = what === "test" ? filesBelow(copy, args[0]) : [];
  if (stories.length) run(process.execPath, ["--test", ...stories], { env, stdio: "inherit" });
  else if (what === "test") throw new Error(`no story is named ${args[0]}`);
}

const filesBelow = (copy, name) =>
  run("find", [join(copy, "tests/scenario"), "-name", `*${name}*.test.mjs`]).trim().split("\n").filter(Boolean);

if (process.argv[1] === here) {
  try {
    dev(process.argv[2], process.argv.slice(3));
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
