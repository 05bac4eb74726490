// Does in Chromium what the published web components of Consuo do, on a page of
// another origin, in several locales. Arguments: Chromium, then JSON
// {page, api, locales: [{locale, timezone}]}. Writes what they saw.
import { chromium } from "playwright-core";

const { page: address, api, locales } = JSON.parse(process.argv[3]);
const browser = await chromium.launch({
  executablePath: process.argv[2],
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"],
});
const seen = [];
for (const { locale, timezone } of locales) {
  const context = await browser.newContext({ locale, timezoneId: timezone });
  const page = await context.newPage();
  await page.goto(address);
  seen.push(await page.evaluate(async ({ api, locale }) => {
    const attempt = async (f) => {
      try {
        return await f();
      } catch (e) {
        return { error: String(e) };
      }
    };
    return {
      locale,
      date: new Date().toLocaleDateString(),
      // The guide: today, in the browser's own words.
      guide: await attempt(async () => {
        const response = await fetch(`${api}/channels/one/schedule?date=${new Date().toLocaleDateString()}`);
        const events = await response.json();
        return events.map((e) => ({
          title: e.title, uri: e.uri, duration: e.duration, width: Math.min(500, Math.max(150, e.duration)),
          start: new Date(e.start).getTime() === e.start_time, end: new Date(e.end).getTime() === e.end_time,
        }));
      }),
      // What is on and what comes next.
      next: await attempt(async () => {
        const response = await fetch(`${api}/channels/one/schedule?start=${Date.now() - 3600000}`);
        const events = await response.json();
        const now = Date.now();
        const i = events.findIndex((e) => e.start_time <= now && now < e.end_time);
        return { now: events[i]?.title, next: events[i + 1]?.title };
      }),
      nowhere: await attempt(async () => {
        const response = await fetch(`${api}/channels/nowhere/schedule?start=0`);
        return (await response.json()).map((e) => e.title);
      }),
      write: await attempt(async () => {
        const response = await fetch(`${api}/channels`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ id: `by-${locale}`, config: { auto_populate: false } }),
        });
        return { status: response.status };
      }),
    };
  }, { api, locale }));
  await context.close();
}
await browser.close();
process.stdout.write(JSON.stringify(seen));
