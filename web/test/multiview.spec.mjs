// The engine's page, against a real engine and schedule: see TestMultiview.
import { equal, run, truthy, until } from "./harness.mjs";

/** Keeps tiles from playing where they are not what is tested. */
const quiet = (page) => page.addInitScript(() => localStorage.setItem("consuo-playing", "0"));

const playing = (page) => page.locator("mv-tile").evaluateAll((tiles) => tiles.filter((t) => t.playing).map((t) => t.channel.id));
const position = (locator) => locator.locator("video").evaluate((v) => v.currentTime);
const status = async (options, id) => (await fetch(`${options.url}channels/${id}/status`)).json();
const fact = (page, name) => page.locator(`mv-channel [data-fact=${name}]`).innerText();

async function tiles({ options, open, close, step }) {
  const opened = await open(options.url, { before: (page) => page.addInitScript(() => localStorage.setItem("consuo-playing", "4")) });
  const { page } = opened;
  await step("tiles: all channels are there, those in view exist", async () => {
    await until("a tile", () => page.getByRole("link", { name: "Channel One" }).isVisible());
    truthy(await page.locator("header").getByText(`of ${options.channels} on air`).isVisible(), "the header counts the channels");
    const count = await page.locator("mv-tile").count();
    truthy(count > 5 && count < options.channels, `${count} tiles exist of ${options.channels}`);
  });
  await step("tiles: a few play, muted, and their time moves", async () => {
    await until("four that play", async () => (await playing(page)).length === 4);
    const one = page.locator("mv-tile").first();
    const before = await until("a position", () => position(one));
    await until("movement", async () => (await position(one)) > before + 1);
    truthy(await one.locator("video").evaluate((v) => v.muted), "the tile has sound");
    equal(await one.evaluate((t) => t.running.variant), 0, "variant of a tile"); // the lowest
  });
  await step("tiles: a sleeping channel beyond those is not woken", async () => {
    equal((await status(options, options.sleeping)).state, "dormant", "state");
  });
  await step("tiles: what is pointed at plays", async () => {
    const others = await page.locator("mv-tile").evaluateAll((all) => all.filter((t) => !t.playing).map((t) => t.channel.name));
    await page.getByRole("link", { name: others[0] }).hover();
    await until("it to play", () => page.locator("mv-tile").evaluateAll((all, name) => all.some((t) => t.playing && t.channel.name === name), others[0]));
    equal((await playing(page)).length, 4, "tiles that play");
  });
  await step("tiles: out of view they stop", async () => {
    await page.mouse.move(0, 0);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await until("others to play", async () => {
      const now = await playing(page);
      return now.length > 0 && !now.includes("one");
    });
    await page.evaluate(() => scrollTo(0, 0));
  });
  await step("tiles: none play if nobody wants it", async () => {
    await page.getByLabel("Tiles that play").selectOption("0");
    await until("none", async () => (await playing(page)).length === 0);
  });
  await close(opened);
}

async function onAir({ options, open, close, step, axe, picture }) {
  const opened = await open(`${options.url}?channel=one`);
  const { page } = opened;
  const screen = page.locator("mv-screen");
  await step("channel: a deep link plays over a transition, and time moves", async () => {
    await until("a position", () => position(screen));
    const before = await position(screen);
    await screen.evaluate((el) => {
      const { hls } = el.running;
      globalThis.passed = new Set();
      hls.on("hlsFragChanged", (_, { frag }) => globalThis.passed.add(frag.cc));
    });
    await until("a discontinuity on the screen", () => page.evaluate(() => globalThis.passed.size > 1), 60_000);
    equal(page.workers().length, 1, "workers of hls.js"); // the policy lets it start
    const moved = (await position(screen)) - before;
    truthy(moved > 2, `the time has moved by ${moved} s only`);
    await until("more movement after it", async () => (await position(screen)) > before + moved + 1);
  });
  await step("channel: its facts are those of the engine", async () => {
    const want = await status(options, "one");
    equal(await fact(page, "targetDuration"), `${want.target_duration}\u00a0s`, "target duration");
    const number = Number.parseInt(await fact(page, "mediaSequence"), 10);
    truthy(Math.abs(number - want.tracks[0].media_sequence) <= 3, `media sequence ${number}, the engine has ${want.tracks[0].media_sequence}`);
    truthy(Math.abs(Number(await fact(page, "discontinuitySequence")) - want.tracks[0].discontinuity_sequence) <= 2, "discontinuity sequence");
    for (const name of ["window", "latency", "clockLatency", "buffer"]) truthy(parseFloat(await fact(page, name)) > 0, `${name}: ${await fact(page, name)}`);
    truthy((await fact(page, "bitrate")).includes("avc1"), await fact(page, "bitrate"));
  });
  await step("channel: its last cuts have reason and adherence", async () => {
    const rows = page.locator("mv-channel table tbody tr");
    await until("cuts", async () => (await rows.count()) > 2);
    const text = (await rows.allInnerTexts()).join("\n");
    for (const want of ["at its time", "Slate", "nothing scheduled", "harbour"]) truthy(text.includes(want), `no ${want} in the cuts:\n${text}`);
    truthy(/[+\u2212]\d+\.\d\d\u00a0s/.test(text), `no adherence in the cuts:\n${text}`);
  });
  await step("channel: the playlist is shown, its transitions are marked, and it goes on", async () => {
    const line = (text) => page.locator("mv-playlist li", { hasText: text });
    const sequence = () => line("#EXT-X-MEDIA-SEQUENCE:").innerText();
    const before = await sequence();
    const transition = line(/#EXT-X-DISCONTINUITY\b(?!-)/).first();
    truthy((await transition.getAttribute("class")).includes("transition"), "the transition is not marked");
    truthy((await transition.innerText()).includes("\u2192"), "the transition names no title");
    await until("newer text", async () => (await sequence()) !== before);
    await page.getByLabel("Track", { exact: true }).selectOption("master");
    await until("the multivariant playlist", () => line("#EXT-X-STREAM-INF").first().isVisible());
  });
  await step("channel: another variant plays when it is chosen", async () => {
    const heights = await screen.evaluate((el) => el.running.variants.map((v) => v.height));
    const other = heights.indexOf(Math.min(...heights));
    await page.getByLabel("Variant").selectOption(String(other));
    await until("its picture", () => screen.locator("video").evaluate((v, h) => v.videoHeight === h, heights[other]), 60_000);
  });
  await step("channel: dark is accessible", () => axe(page));
  await close(opened);
}

async function people({ options, open, close, step, axe, picture }) {
  const opened = await open(options.url, { before: quiet });
  const { page } = opened;
  const focused = () => page.evaluate(() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at?.getAttribute("aria-label") ?? at?.textContent?.trim() ?? "";
  });
  await step("keyboard: search, arrows, open, back", async () => {
    await until("a tile", () => page.getByRole("link", { name: "Channel One" }).isVisible());
    await page.keyboard.press("/");
    equal(await focused(), "Find a channel", "focus");
    await page.keyboard.type("sleeper 3");
    await until("what fits", async () => (await page.locator("mv-tile").count()) > 0 && !(await page.getByRole("link", { name: "Channel One" }).isVisible()));
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Delete");
    await page.keyboard.press("Escape");
    await page.locator("mv-tile a").first().focus();
    equal(await focused(), "Channel One", "focus");
    await page.keyboard.press("ArrowRight");
    equal(await focused(), "Harbour News", "focus");
    await page.keyboard.press("End");
    await until("the last channel", async () => (await focused()) === options.last);
    await page.keyboard.press("Home");
    await until("the first channel", async () => (await focused()) === "Channel One");
    await page.keyboard.press("Enter");
    await until("the channel", () => page.getByRole("heading", { level: 1, name: "Channel One" }).isVisible());
    truthy(page.url().endsWith("?channel=one"), page.url());
    await page.keyboard.press("Escape");
    await until("all channels", () => page.locator("mv-grid").isVisible());
    await page.goBack();
    await until("the channel again", () => page.getByRole("heading", { level: 1, name: "Channel One" }).isVisible());
    await page.goBack();
    await until("all channels", () => page.locator("mv-grid").isVisible());
  });
  await step("keyboard: wall and theme", async () => {
    await page.keyboard.press("f");
    await until("the wall", () => page.locator("header").isHidden());
    await page.keyboard.press("Escape");
    await until("the page", () => page.locator("header").isVisible());
    await page.keyboard.press("t");
    equal(await page.evaluate(() => document.documentElement.dataset.theme), "light", "theme");
    await page.reload();
    await until("the choice to last", () => page.evaluate(() => document.documentElement.dataset.theme === "light"));
  });
  await close(opened);

  for (const theme of ["dark", "light"]) {
    const opened = await open(options.url, { theme });
    await step(`${theme}: all channels are accessible`, async () => {
      await until("tiles", async () => (await opened.page.locator("mv-tile").count()) > 5);
      await axe(opened.page);
    });
    if (theme === "dark") await step("dark: picture", async () => {
      await until("moving pictures", async () => (await opened.page.locator("mv-tile").evaluateAll((all) => all.filter((t) => t.player === "playing").length)) >= 4, 60_000);
      await until("pictures that are no slate", () => opened.page.locator("mv-tile video").evaluateAll((all) => all.some((v) => v.currentTime > 12)), 60_000);
      await picture(opened.page, "multiview");
    });
    await close(opened);
  }
  const wide = await open(`${options.url}?channel=p0`, { theme: "light", width: 1440, height: 1150 });
  await step("light: a channel is accessible", async () => {
    await until("facts", async () => (await fact(wide.page, "targetDuration")) !== "–");
    await axe(wide.page);
  });
  await step("light: picture of a channel", async () => {
    await until("a position", () => position(wide.page.locator("mv-screen")));
    await until("the window", () => wide.page.locator("mv-window .mark").first().isVisible());
    await picture(wide.page, "multiview-channel");
  });
  await close(wide);
  const phone = await open(`${options.url}?channel=p1`, { theme: "dark", width: 390, height: 844, touch: true });
  await step("dark: a channel on a phone is accessible, and nothing is wider than it", async () => {
    await until("facts", async () => (await fact(phone.page, "targetDuration")) !== "–");
    await axe(phone.page);
    equal(await phone.page.evaluate(() => document.documentElement.scrollWidth), 390, "width of the page");
  });
  await step("dark: picture on a phone", async () => {
    await until("a position", () => position(phone.page.locator("mv-screen")));
    await picture(phone.page, "multiview-phone");
  });
  await close(phone);
}

async function troubles({ options, open, close, step }) {
  const opened = await open(options.url, { before: quiet });
  const { page } = opened;
  await step("trouble: an engine that is away is told, and forgotten when it is back", async () => {
    await until("tiles", async () => (await page.locator("mv-tile").count()) > 5);
    await page.route("**/channels", (route) => route.abort());
    await until("the notice", () => page.getByText("The engine does not answer").isVisible());
    truthy((await page.locator("mv-tile").count()) > 5, "what was known is gone");
    await page.unroute("**/channels");
    await until("no notice", () => page.getByText("The engine does not answer").isHidden());
  });
  await step("trouble: a channel that is not ready is told with the engine's reason, and plays as soon as it can", async () => {
    let answers = 0;
    await page.route("**/live/master.m3u8*", (route) => {
      answers++;
      return route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ status: 503, detail: "Nothing of it can be rendered yet." }) });
    });
    await page.getByRole("link", { name: "Channel One" }).click();
    await until("the reason", () => page.locator("mv-screen").getByText("Nothing of it can be rendered yet.").isVisible());
    await until("another try", () => answers > 1);
    await page.unroute("**/live/master.m3u8*");
    await until("a position", () => position(page.locator("mv-screen")), 60_000);
    truthy(await page.locator("mv-screen .word:not(.slight)").isHidden(), "the reason is still shown");
  });
  await step("trouble: an unknown channel is told", async () => {
    await page.goto(`${options.url}?channel=%3Cb%3Enobody`);
    await until("the word", () => page.getByText("There is no channel \u201c<b>nobody\u201d").isVisible());
  });
  await close(opened);
}

/** Whatever a user, an origin or a schedule has written stays text. */
async function hostile({ options, open, close, step }) {
  const evil = (where) => `"><img src=x onerror="globalThis.pwned='${where}'"><script>globalThis.pwned='${where}'</script>{{7*7}}\${7*7}<!--`;
  const clean = async (page) => {
    equal(await page.evaluate(() => globalThis.pwned ?? null), null, "what ran");
    const found = await page.evaluate(() => {
      const all = [];
      const walk = (root) => root.querySelectorAll("*").forEach((e) => {
        if (e.matches("img, iframe, object, script:not([src])") || [...e.attributes].some((a) => /^on|javascript:/i.test(a.name + a.value.slice(0, 20)))) all.push(e.outerHTML);
        if (e.shadowRoot) walk(e.shadowRoot);
      });
      walk(document);
      return all;
    });
    equal(found, [], "elements made of text");
  };
  const opened = await open(options.url, { before: quiet });
  const { page } = opened;
  await step("hostile: a name and a title that are in the schedule", async () => {
    await page.getByLabel("Find a channel").fill("onerror");
    await until("the tile", async () => (await page.locator("mv-tile h3").first().innerText()).includes("<img src=x onerror"));
    await page.locator("mv-tile a").first().click();
    await until("the title", async () => (await page.locator("mv-channel table").innerText()).includes("<script>"));
    await clean(page);
  });
  await step("hostile: every text of every answer", async () => {
    const onAir = (id) => ({
      kind: evil(id), reason: evil(id), detail: evil(id), event_id: evil(id), title: evil(id), uri: `javascript:${evil(id)}`, start: Date.now() - 5000, end: Date.now() + 60_000, adherence: 1,
    });
    const channel = { id: evil("id"), name: evil("name"), state: evil("state"), degraded: true, now: onAir("now"), next: onAir("next") };
    await page.route("**/channels", (route) => route.fulfill({ json: [channel, { ...channel, id: "x", state: "live", now: { ...channel.now, kind: "event" } }] }));
    await page.route("**/channels/*/status", (route) => route.fulfill({ json: {
      ...channel, time: Date.now(), drift: 1, target_duration: 6, window: 30, tracks: [{ id: evil("track"), media_sequence: 1, last_media_sequence: 5, discontinuity_sequence: 2 }],
      last_cuts: [{ number: 3, ...onAir("cut"), rebase: true, seams: { [evil("seam")]: 0.3 } }, { number: 2, ...onAir("cut"), kind: "event", reason: "failed" }],
      problems: [{ time: Date.now(), uri: `javascript:${evil("uri")}`, text: evil("problem") }],
      log: { id: evil("log"), backend: evil("backend"), last_number: 3, conflicts: 0, pending: 0 }, poll: { age: 1, error: evil("poll") },
    } }));
    await page.route("**/live/*.m3u8*", (route) => (route.request().url().includes("master")
      ? route.fulfill({ status: 200, contentType: "application/vnd.apple.mpegurl", body: `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="${evil("codec").replaceAll('"', "")}"\nv1.m3u8?${evil("query")}\n` })
      : route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ detail: evil("detail") }) })));
    await page.goto(options.url);
    await until("tiles", async () => (await page.locator("mv-tile").count()) === 2);
    await clean(page);
    await page.goto(`${options.url}?channel=${encodeURIComponent(evil("id"))}`);
    await until("the problem", () => page.getByText("pwned='problem'").first().isVisible());
    await until("the playlist's failure", () => page.getByText("pwned='detail'").first().isVisible());
    await clean(page);
    for (const link of await page.locator("mv-channel a").evaluateAll((all) => all.map((a) => a.protocol))) equal(link, "http:", "protocol of a link");
  });
  await close(opened);
}

async function many({ options, open, close, step }) {
  const list = Array.from({ length: 1000 }, (_, i) => ({
    id: `c${i}`, name: `Channel ${i}`, state: "dormant", degraded: i % 100 === 7, now: null, next: null,
  }));
  const opened = await open(options.url, { before: async (page) => {
    await quiet(page);
    await page.route("**/channels", (route) => route.fulfill({ json: list }));
  } });
  const { page } = opened;
  await step("many: of 1,000 channels only those near the view exist", async () => {
    await until("tiles", async () => (await page.locator("mv-tile").count()) > 5);
    truthy((await page.locator("mv-tile").count()) < 60, `${await page.locator("mv-tile").count()} tiles exist`);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2));
    await until("the middle", () => page.locator("mv-tile").evaluateAll((all) => all.some((t) => t.channel.id === "c500")));
    truthy((await page.locator("mv-tile").count()) < 60, "tiles pile up");
    equal(await page.locator("mv-grid li").first().getAttribute("aria-setsize"), "1000", "size of the set");
  });
  await step("many: search and filter narrow them", async () => {
    await page.getByLabel("Find a channel").fill("channel 998");
    await until("one", async () => (await page.locator("mv-tile").count()) === 1);
    await page.getByLabel("Find a channel").fill("");
    await page.getByLabel("Show").selectOption("trouble");
    await until("ten", async () => (await page.locator("mv-tile").count()) === 10);
  });
  await close(opened);
  const wall = await open(`${options.url}?wall`, { width: 2560, height: 1440, before: async (page) => {
    await quiet(page);
    await page.route("**/channels", (route) => route.fulfill({ json: list.slice(0, 40) }));
  } });
  await step("many: a wall shows all forty at once, without scrolling", async () => {
    await until("forty", async () => (await wall.page.locator("mv-tile").count()) === 40);
    truthy(await wall.page.evaluate(() => document.documentElement.scrollHeight <= innerHeight), "it scrolls");
  });
  await close(wall);
}

/** Without scripts, and behind a proxy that puts the engine below a path. */
async function elsewhere({ options, open, close, step }) {
  const plain = await open(`${options.url}plain?channel=one`);
  await step("plain: it plays where the browser plays HLS itself, and lists the channels", async () => {
    await until("a position", () => plain.page.locator("video").evaluate((v) => v.currentTime > 0.5), 60_000);
    truthy(await plain.page.getByRole("link", { name: "Harbour News" }).isVisible(), "the list of channels");
  });
  await close(plain);
  const below = await open(`${options.below}?channel=p0`);
  await step("below a path: a channel plays, and its facts are there", async () => {
    await until("a position", () => position(below.page.locator("mv-screen")), 60_000);
    await until("facts", async () => (await fact(below.page, "targetDuration")) !== "–");
    await below.page.getByRole("button", { name: "All channels" }).click();
    await until("tiles", async () => (await below.page.locator("mv-tile").count()) > 5);
    truthy(below.page.url() === options.below, below.page.url());
  });
  await close(below);
}

async function light({ options, open, close, step }) {
  const sizes = [];
  const opened = await open(options.url, { before: async (page) => {
    await quiet(page);
    page.on("requestfinished", (r) => sizes.push(r.sizes().then((s) => [new URL(r.url()).pathname, s.responseBodySize + s.responseHeadersSize])));
  } });
  await step("light: the first view takes less than 200 KB, the player comes later", async () => {
    await until("tiles", async () => (await opened.page.locator("mv-tile").count()) > 5);
    const all = (await Promise.all(sizes)).filter(([path]) => !path.endsWith("/channels"));
    const sum = all.reduce((n, [, size]) => n + size, 0);
    console.log(`first view: ${sum} bytes in ${all.length} answers: ${JSON.stringify(all)}`);
    truthy(sum > 5_000 && sum < 200 * 1024, `${sum} bytes: ${JSON.stringify(all)}`);
    truthy(!all.some(([path]) => path.includes("hls")), "the player is loaded before it is needed");
  });
  await close(opened);
}

await run(async (t) => {
  await light(t);
  await onAir(t);
  await tiles(t);
  await people(t);
  await troubles(t);
  await hostile(t);
  await many(t);
  await elsewhere(t);
});
