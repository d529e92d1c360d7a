#!/usr/bin/env node
// Runs the program with the arguments of this command, and ends as it ends.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { binaryPath } from "../lib/binary.js";

let path;
try {
  path = binaryPath();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
const child = spawn(path, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`hashrange: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
