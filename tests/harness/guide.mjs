// SPDX-License-Identifier: MIT
// guide.mjs - follows a page of docs/ word for word: it writes the files that the page shows, runs the
// commands in the order of the page, and compares what they print with what the page prints.
//
// The page says all of it in fenced blocks; a block may be indented as part of a list.
//   ```console           "$ command" runs in a scratch folder, "> " continues it; the lines below are its
//                        output, both streams in one.  A command ends with status 0, or with the one
//                        that it names: "$ command    # exits with 1".
//   ```bash or ```sh     all lines run as one script, which ends with status 0
//   ```lua               a file, when its first line is "-- path.lua" or "-- path.lua: remark"
//   ```json records.json a file in any language: the path stands behind the language
//   ```diff              a change of files that are there, for "patch -p1"
// Lua files below scripts/, mappings/ and tests/ belong to the folder site/.  Blocks of other forms
// are text for the reader.
//
// In an output "…" stands for any characters of a line, and a line "..." for any lines.  One that
// begins with { or [ is JSON, which the page may break over several lines where it has no blank.  A word that
// the story lists in `names` (HASH) stands for the word that is printed there; later commands and
// outputs of the page get the same word.
//
// "$ tenon serve ..." starts a server, or restarts it with other options, on a free port; commands
// that call http://127.0.0.1:8480 reach it.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { killGroup, launch } from "./process.mjs";
import { binary, environment, root } from "./tenon.mjs";
import { within } from "./wait.mjs";

const usualAddress = "http://127.0.0.1:8480";
const ofTheSite = /^(?:scripts|mappings|tests)\/.*\.lua$/;

// What a page asks its reader to do, in order: {line, path, text} for a file, {line, command, output,
// code} for a command; output null: the page shows none to compare with.
export function stepsOf(page) {
  const found = [];
  for (const block of page.matchAll(/^( *)(```+)(\w+)(?: (\S+))?\n(.*?)^\1\2$/gms)) {
    const [, indent, , language, named, body] = block;
    const line = page.slice(0, block.index).split("\n").length;
    const text = body.replace(new RegExp(`^${indent}`, "gm"), "");
    const path = named ?? /^-- ([\w./-]+\.lua)\b/.exec(text)?.[1];
    if (language === "console") found.push(...commandsOf(text, line));
    else if (language === "bash" || language === "sh")
      found.push({ line, command: `set -e\n${text}`, output: null, code: 0 });
    else if (language === "diff")
      found.push({ line, command: `patch -p1 <<'\\END'\n${text}\\END`, output: null, code: 0 });
    else if (path) found.push({ line, path: ofTheSite.test(path) ? `site/${path}` : path, text });
  }
  return found;
}

function commandsOf(text, before) {
  const found = [];
  for (const [i, line] of text.trimEnd().split("\n").entries()) {
    const last = found.at(-1);
    if (line.startsWith("$ ")) {
      const [, command, code] = /^\$ (.*?)(?: +# exits with (\d+))?$/.exec(line);
      found.push({ line: before + i + 1, command, output: "", code: +(code ?? 0) });
    } else if (line.startsWith("> ") && last && !last.output) last.command += `\n${line.slice(2)}`;
    else if (last) last.output += `${line}\n`;
    else throw new Error(`line ${before + i + 1}: a console block begins with a command`);
  }
  return found;
}

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// Does the output fit?  Gives the words that the names of the page stand for, or null.
export function matchOutput(expected, printed, names = []) {
  const seen = new Set();
  if (/^[{[]/.test(expected)) expected = `${expected.replace(/\n */g, "")}\n`;
  if (printed && !printed.endsWith("\n")) printed += "\n";
  const pattern = expected.replace(/^\.\.\.\n|…|\b[A-Z]+\b|[^]/gm, (part) => {
    if (part === "...\n") return "(?:.*\\n)*?";
    if (part === "…") return ".*?";
    if (!names.includes(part)) return literal(part);
    if (seen.has(part)) return `\\k<${part}>`;
    seen.add(part);
    return `(?<${part}>[\\w-]+)`;
  });
  const found = new RegExp(`^${pattern}$`).exec(printed);
  return found && { ...found.groups };
}

class Guide {
  // tenon: a server that runs already, with its data in folder/tenon-data.
  constructor(stage, page, { folder, names, tenon, patience }) {
    Object.assign(this, { stage, page, folder, names, tenon, patience });
    this.known = {};
    mkdirSync(join(folder, "bin"), { recursive: true });
    const program = join(folder, "bin", "tenon");
    writeFileSync(program, `#!/bin/sh\nexec '${binary}' "$@"\n`);
    chmodSync(program, 0o755);
  }

  where(step) {
    return `docs/${this.page}:${step.line}`;
  }

  // A text of the page with the words that its names stand for.
  told(text) {
    for (const [name, word] of Object.entries(this.known))
      text = text.replace(new RegExp(`\\b${name}\\b`, "g"), word);
    return text;
  }

  write({ path, text }) {
    const full = join(this.folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
  }

  async serve(command) {
    const [, , ...args] = command.replace(/ &$/, "").split(" ");
    if (this.tenon) await this.tenon.stop();
    const inFolder = (word, i) => (args[i - 1] === "--site" ? join(this.folder, word) : word);
    this.tenon = this.stage.unstarted({
      data: join(this.folder, "tenon-data"),
      args: args.map(inFolder),
      loopback: false,
    });
    await this.tenon.start();
  }

  async run(step) {
    let command = this.told(step.command);
    if (command.startsWith("tenon serve ")) return this.serve(command);
    if (this.tenon) command = command.replaceAll(usualAddress, this.tenon.url);
    const run = launch("bash", ["-c", `exec 2>&1\n${command}`], {
      cwd: this.folder,
      env: environment({ PATH: `${join(this.folder, "bin")}:${process.env.PATH}` }),
    });
    const end = await within(this.patience, command, run.ended).catch((error) => {
      killGroup(run.pid);
      throw new Error(`${this.where(step)}: ${error.message}\n${run.output}`);
    });
    const printed = this.tenon ? run.output.replaceAll(this.tenon.url, usualAddress) : run.output;
    assert.equal(end.code, step.code, `${this.where(step)}: $ ${command}\n${printed}`);
    if (step.output !== null) this.compare(step, printed);
  }

  compare(step, printed) {
    const unknown = this.names.filter((name) => !(name in this.known));
    const words = matchOutput(this.told(step.output), printed, unknown);
    if (!words) assert.equal(printed, step.output, `${this.where(step)}: $ ${step.command}`);
    Object.assign(this.known, words);
  }
}

// Follows docs/<page>.  Gives how many files and commands there were.  patience: of one command, in ms.
export async function follow(
  stage,
  page,
  { names = [], tenon, folder = stage.scratch, patience = 30_000 } = {},
) {
  const steps = stepsOf(readFileSync(join(root, "docs", page), "utf8"));
  const guide = new Guide(stage, page, { folder, names, tenon, patience });
  assert.ok(steps.some((step) => step.command), `docs/${page} has no command to follow`);
  for (const step of steps) {
    if (step.path) guide.write(step);
    else await guide.run(step);
  }
  return steps.length;
}
