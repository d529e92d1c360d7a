// Where the program is: HASHRANGE_BIN, or the package of this platform, which npm installs beside this one.
import { createRequire } from "node:module";
import { existsSync } from "node:fs";

const require = createRequire(import.meta.url);

export function binaryPath() {
  const named = process.env.HASHRANGE_BIN;
  if (named) {
    if (!existsSync(named)) throw new Error(`HASHRANGE_BIN=${named}: there is no such file`);
    return named;
  }
  const platform = `@hashrange/${process.platform}-${process.arch}`;
  const program = process.platform === "win32" ? "hashrange.exe" : "hashrange";
  try {
    return require.resolve(`${platform}/bin/${program}`);
  } catch {
    throw new Error(
      `hashrange: the package ${platform} is not installed. Install without --omit=optional; on a platform without a ` +
        "package, set HASHRANGE_BIN to a program built by cargo",
    );
  }
}
