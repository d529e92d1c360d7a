// Every page: what it does, how it fits, whether a checker of accessibility finds anything. What does not disturb each other is
// done side by side.
import { check, fill, open, report, start, tab } from "./browser.mjs";
import * as inside from "./inside.mjs";
import * as lessons from "./lessons.mjs";
import { look, looks } from "./looks.mjs";
import * as tables from "./tables.mjs";

const reported = report();
const [server, browser] = await Promise.all([start(["console", "--in-memory", "--write", "--port", "0"]), open()]);
try {
  const tabs = Promise.all([0, 1, 2].map(() => tab(browser, server, reported)));
  await fill(server.origin);
  const [first, second, third] = await tabs;
  const toTake = await lessons.all(second);
  const [bench, lesson] = await Promise.all([
    // Both change the database that is shown, so one comes after the other.
    tables.drive(first).then(() => inside.drive(first)),
    lessons.take(second, toTake),
    lessons.take(third, toTake),
  ]);
  const left = looks(bench, lesson);
  await Promise.all([first, second, third].map((tab) => look(tab, left)));
  for (const { page } of [first, second, third]) {
    await reported.step("no value was run as script", async () => check((await page.title()) !== "run", "the title was changed"));
  }
  const { complaints } = reported.results;
  await reported.step("no script failed, nothing broke the policy or went to another machine", async () => check(complaints.length === 0, complaints.join("\n  ")));
} finally {
  await browser.close();
  server.stop();
}
const { passed, failed } = reported.results;
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
