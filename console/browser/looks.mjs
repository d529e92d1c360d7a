// How every page looks: whether it fits 360 and 1,280 pixels, whether a checker of accessibility finds anything, in light and
// dark; and its picture.
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { axe, check, work } from "./browser.mjs";

const shots = path.join(work, "shots");
const takesShots = process.env.HASHRANGE_SHOTS !== "0";
const checker = readFileSync(axe, "utf8");

const key = encodeURIComponent('{"customer":{"S":"customer-7"},"order":{"S":"order-0010"}}');
// A name for the picture, and the address.
const pages = [
  ["tables", "/console/"],
  ["items", "/console/tables/orders/items"],
  ["query", "/console/tables/orders/items?pk=customer-7&op=begins_with&sk=order-00&filter_name=total&filter_op=ge&filter_type=N&filter_value=100"],
  ["explained", "/console/tables/orders/explain?pk=customer-7"],
  ["item", `/console/tables/orders/item?key=${key}`],
  ["new-item", "/console/tables/orders/item"],
  ["files", "/console/tables/orders/files"],
  ["indexes", "/console/tables/orders/indexes"],
  ["stream", "/console/tables/orders/stream"],
  ["ttl", "/console/tables/orders/ttl"],
  ["history", "/console/tables/orders/history?from=%231&to=now"],
  ["versions", `/console/tables/orders/versions?key=${key}`],
  ["costs", "/console/costs"],
  ["heat", "/console/heat"],
  ["heat-of-table", "/console/heat/orders"],
  ["explain", "/console/explain"],
  ["replay", "/console/replay"],
  ["inside", "/console/inside"],
  ["partition", "/console/inside/partition/1"],
  ["workbench-begin", "/console/inside/bench"],
  ["lessons", "/console/lessons"],
  ["not-there", "/console/tables/none/items"],
];

// Everything to look at: each page in three ways. Dark differs from light in colours only, and they do not depend on the width.
export function looks(bench, lesson) {
  mkdirSync(shots, { recursive: true });
  const all = [...pages, ["workbench", bench], ["lesson", lesson]];
  return [["light", 360], ["light", 1280], ["dark", 1280]].flatMap(([scheme, width]) => all.map(([name, address]) => ({ name, address, scheme, width })));
}

// What the checker finds: everything in the narrow page, colours in the dark one, nothing new in the wide one.
async function violations(page, scheme) {
  await page.evaluate(checker);
  const found = await page.evaluate(async (only) => (await globalThis.axe.run(document, { resultTypes: ["violations"], ...only })).violations,
    scheme === "dark" ? { runOnly: { type: "rule", values: ["color-contrast"] } } : {});
  return found.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")}`);
}

// Looks at pages as long as there are some.
export async function look({ page, step, go }, left) {
  let setting = "";
  for (let next = left.shift(); next; next = left.shift()) {
    const { name, address, scheme, width } = next;
    await step(`${name} at ${width} px, ${scheme}`, async () => {
      if (setting !== `${scheme} ${width}`) {
        setting = `${scheme} ${width}`;
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await page.setViewport({ width, height: 800 });
        await page.evaluate(() => localStorage.removeItem("theme"));
      }
      await go(address);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0));
      check((ground < 384) === (scheme === "dark"), `the page is not ${scheme}`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (takesShots) await page.screenshot({ path: path.join(shots, `${name}-${width}-${scheme}.png`), fullPage: true });
      check(over <= 0, `the page is ${over} px too wide`);
      if (scheme === "light" && width === 1280) return;
      const found = await violations(page, scheme);
      check(found.length === 0, found.join("\n  "));
    });
  }
}
