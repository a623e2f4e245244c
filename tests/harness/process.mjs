// SPDX-License-Identifier: MIT
// process.mjs - processes that a test started, and how /proc shows them.
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

const groups = new Set(); // process groups under way: ended when this process ends, however it ends

process.on("exit", () => {
  for (const pid of groups) killGroup(pid);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

// Starts a command in a process group of its own.  .output collects both streams, .ended gives
// {code, signal} and never fails.
export function launch(command, args, { env = {}, cwd, input } = {}) {
  const child = spawn(command, args, {
    cwd,
    detached: true,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const run = { child, pid: child.pid, stdout: "", stderr: "", output: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8");
    child[name].on("data", (text) => {
      run[name] += text;
      run.output += text;
    });
  }
  if (child.pid) groups.add(child.pid);
  run.ended = new Promise((resolve) => {
    const end = (code, signal) => {
      groups.delete(child.pid);
      resolve({ code, signal });
    };
    child.on("error", (error) => {
      run.output += `${error.message}\n`;
      end(127, null);
    });
    child.on("close", end);
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input ?? "");
  return run;
}

// kill -9 of a whole group at one blow.
export function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

function look(pid) {
  const read = (name) => readFileSync(`/proc/${pid}/${name}`, "utf8");
  const [state, parent, group] = read("stat")
    .replace(/^.*\) /s, "")
    .split(" ");
  return {
    pid,
    state,
    parent: +parent,
    group: +group,
    title: read("cmdline").replaceAll("\0", " ").trim(),
  };
}

// All processes that are not zombies, as {pid, state, parent, group, title}.
export function processes() {
  const found = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const one = look(+name);
      if (one.state !== "Z" && one.state !== "X") found.push(one);
    } catch {
      /* it ended while we looked */
    }
  }
  return found;
}

export const inGroup = (pid) => processes().filter((p) => p.group === pid);
export const childrenOf = (pid) => processes().filter((p) => p.parent === pid);

// Descriptors that a process holds open.
export const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;
