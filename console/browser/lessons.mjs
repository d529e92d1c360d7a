// Lessons: each is taken to its end, step by step.
import { check } from "./browser.mjs";

// The addresses of all lessons.
export async function all({ page, go }) {
  await go("/console/lessons");
  const lessons = await page.$$eval('main a[href^="/console/lessons/"]', (links) => [...new Set(links.map((link) => link.getAttribute("href")))]);
  check(lessons.length >= 10, `there are ten lessons, and not ${lessons.length}`);
  return lessons;
}

// Takes lessons to their end, as long as there are some; resolves with the address of the last one under way.
export async function take({ page, step, go, settle, follow }, lessons) {
  let last = "/console/lessons";
  for (let lesson = lessons.shift(); lesson; lesson = lessons.shift()) {
    await step(`${lesson} is taken to its end`, async () => {
      await go(lesson);
      await follow("form.row button.main");
      last = page.url();
      let steps = 0;
      for (let next = await page.$(".step.next"); next; next = await page.$(".step.next")) {
        const id = await next.evaluate((step) => step.id);
        await page.$eval(`#${id} button`, (button) => button.click());
        await settle((id) => !document.getElementById(id)?.classList.contains("next") || document.querySelector(".refusal"), id);
        check(!(await page.$(".refusal")), `${id}: ${await page.evaluate(() => document.querySelector(".refusal")?.innerText)}`);
        steps += 1;
      }
      const answers = await page.$$eval(".step pre.answer", (answers) => answers.length);
      check(steps >= 5 && answers === steps, `${steps} steps have ${answers} answers`);
      check(!(await page.$(".step p.warn")), "a step does not answer as the lesson expects");
    });
  }
  return last;
}
