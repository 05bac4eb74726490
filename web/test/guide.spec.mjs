// The guide against the schedule service: what people do with mouse, keyboard
// and finger, and what nobody may do.
import { equal, run, truthy, until } from "./harness.mjs";

const minute = 60_000;
const hour = 60 * minute;

await run(async ({ options, open, close, step, axe, picture }) => {
  /** Speaks to a service without the page. */
  const api = async (url, path, { method = "GET", body, headers = {} } = {}) => {
    const answer = await fetch(url + path, { method, headers: { ...(body ? { "Content-Type": "application/json" } : {}), ...headers }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: text && /json/.test(answer.headers.get("Content-Type") ?? "") ? JSON.parse(text) : text, etag: answer.headers.get("ETag") };
  };
  const events = async (channel, url = options.edited) => (await api(url, `/channels/${channel}/schedule`)).body;
  const vod = (name) => `${options.vods}/${name}/master.m3u8`;
  const row = (page, channel) => page.locator(`.row[data-channel="${channel}"]`);
  const event = (page, id) => page.locator(`.cell[data-id="${id}"]`);
  const toast = (page) => page.locator(".toast").innerText();
  const zoom = (page, ms) => page.locator("#span").selectOption(String(ms));

  /** Drags with the mouse, in steps, as a hand does. */
  const drag = async (page, from, to) => {
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    for (let i = 1; i <= 6; i++) await page.mouse.move(from.x + ((to.x - from.x) * i) / 6, from.y + ((to.y - from.y) * i) / 6);
    await page.mouse.up();
  };
  const middle = (box) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });

  // By mouse.

  const edited = await open(options.edited + "/");
  const { page } = edited;
  await row(page, "one").waitFor();
  await zoom(page, hour);

  await step("links lead to the engine's page, not to where viewers' playlists are", async () => {
    await page.locator("#multiview").waitFor();
    equal(await page.locator("#multiview").getAttribute("href"), "https://engine.example/");
    equal(await row(page, "one").locator(".watch").getAttribute("href"), "https://engine.example/?channel=one");
  });

  await step("a VOD's URL becomes an event of exact length", async () => {
    await page.locator("#new").click();
    await page.locator("#uri").fill(vod("ember"));
    await page.locator("#uri").blur();
    await page.locator("#found").waitFor();
    const asset = (await api(options.edited, "/inspect", { method: "POST", body: { uri: vod("ember"), channelId: "one" } })).body;
    equal(await page.locator("#title").inputValue(), "Ember", "title");
    truthy((await page.locator("#found").innerText()).includes("can be played"), "no verdict");
    const shown = (await page.locator("#length").inputValue()).split(":").map(Number);
    equal(Math.round((shown[0] * 60 + shown[1]) * 1000), Math.round(asset.duration * 1000), "length");
    await page.locator("#channel").selectOption("one");
    await page.getByRole("button", { name: "Plan it" }).click();
    const [e] = await until("the event", async () => ((await events("one")).length ? events("one") : null));
    equal([e.title, e.duration], ["Ember", asset.duration]);
    await event(page, e.id).waitFor();
  });

  await step("what can't join the channel is warned of, with the engine's reason", async () => {
    const uri = vod("fragmented");
    const { channel } = (await api(options.edited, "/inspect", { method: "POST", body: { uri, channelId: "one" } })).body;
    truthy(channel.joins === false && channel.reason.startsWith("another shape than the channel's"), `it is ${JSON.stringify(channel)}`);
    await page.locator("#new").click();
    await page.locator("#channel").selectOption("one");
    await page.locator("#uri").fill(uri);
    await page.locator("#uri").blur();
    const warning = page.locator("#found .problem");
    await warning.waitFor();
    const text = await warning.innerText();
    truthy(text.includes("Channel one") && text.includes(channel.reason), `it says ${text}`);
    equal(await page.locator("#length").inputValue(), "0:08", "length");
    await axe(page);
    // Another channel has nothing that it would have to fit.
    await page.locator("#channel").selectOption("three");
    await page.locator("#found .good").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("aside").waitFor({ state: "detached" });
  });

  let first;
  await step("is given another length by its edge", async () => {
    [first] = await events("one");
    await event(page, first.id).click({ force: true });
    await page.locator("#length").fill("10:00");
    await page.getByRole("button", { name: "Save" }).click();
    await until("ten minutes", async () => (await events("one"))[0].duration === 600);
    await page.locator("aside").waitFor({ state: "detached" });
    const box = await event(page, first.id).boundingBox();
    const scale = box.width / (10 * minute);
    await drag(page, { x: box.x + box.width - 2, y: box.y + 20 }, { x: box.x + box.width - 2 + 5 * minute * scale, y: box.y + 20 });
    const [e] = await until("a longer one", async () => ((await events("one"))[0].duration > 660 ? events("one") : null));
    truthy(Math.abs(e.duration - 900) <= 60 && e.start_time === first.start_time, `it is ${e.duration} s`);
  });

  await step("is moved by mouse, also to another channel", async () => {
    const [before] = await events("one");
    const box = await event(page, first.id).boundingBox();
    const scale = box.width / (before.end_time - before.start_time);
    await drag(page, middle(box), { x: middle(box).x + 10 * minute * scale, y: middle(box).y });
    const [e] = await until("a later one", async () => ((await events("one"))[0].start_time > before.start_time ? events("one") : null));
    truthy(Math.abs(e.start_time - before.start_time - 10 * minute) <= minute && e.duration === before.duration, "not ten minutes later");
    const here = middle(await event(page, first.id).boundingBox());
    const there = middle(await row(page, "three").boundingBox());
    await drag(page, here, { x: here.x, y: there.y });
    await until("it on three", async () => (await events("three")).length === 1 && (await events("one")).length === 0);
    await page.locator("#undo").click();
    await until("it on one", async () => (await events("three")).length === 0 && (await events("one")).length === 1);
    equal((await events("one"))[0].title, "Ember", "title");
  });

  await step("a conflict is shown where it arises, and kept until it is resolved", async () => {
    const [e] = await events("one");
    await api(options.edited, "/channels/one/schedule", { method: "POST", body: { id: "rock", title: "Rock", uri: vod("meadow"), start_time: e.end_time + 10 * minute, end_time: e.end_time + 20 * minute } });
    await event(page, "rock").waitFor(); // somebody else's edit comes by itself
    const from = middle(await event(page, first.id).boundingBox());
    const rock = await event(page, "rock").boundingBox();
    await drag(page, from, { x: rock.x + rock.width / 2, y: from.y });
    await page.locator(".draft").waitFor();
    truthy((await event(page, "rock").getAttribute("class")).includes("clash"), "what is in the way is not marked");
    await until("what is in the way to be named", async () => (await page.locator("aside form").first().innerText()).includes("Rock"));
    equal((await events("one")).map((o) => [o.id, o.start_time]), [[e.id, e.start_time], ["rock", e.end_time + 10 * minute]], "schedule");
    await axe(page);
    await page.locator("#after").click();
    await until("it after the rock", async () => (await events("one")).map((o) => o.id).join() === `rock,${e.id}`);
    await page.locator(".draft").waitFor({ state: "detached" });
  });

  await step("undone and done again, step by step", async () => {
    const ids = async () => (await events("one")).map((o) => o.id).join();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+z");
    await until("it before the rock", async () => (await ids()) === `${first.id},rock`);
    await page.keyboard.press("Control+y");
    await until("it after the rock", async () => (await ids()) === `rock,${first.id}`);
    await event(page, first.id).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await until("it gone", async () => (await ids()) === "rock");
    await page.locator(".toast button", { hasText: "Undo" }).click();
    await until("it back", async () => (await ids()) === `rock,${first.id}`);
  });

  await step("free time is planned with the mouse", async () => {
    const { y } = await row(page, "three").boundingBox();
    await drag(page, { x: 700, y: y + 25 }, { x: 850, y: y + 25 });
    await page.locator("#uri").fill(vod("harbour"));
    await page.locator("#uri").press("Enter");
    const [e] = await until("an event", async () => ((await events("three")).length ? events("three") : null));
    truthy(e.duration >= 5 * 60, `it has ${e.duration} s: not as long as was drawn`);
  });

  // Others edit too.

  await step("nobody's edit is overwritten", async () => {
    const [e] = await events("three");
    await event(page, e.id).waitFor();
    await page.keyboard.press("Escape");
    await page.waitForTimeout(500); // what it has asked for comes
    // From here on it doesn't hear of other edits.
    await page.route("**/channels", (r) => r.fulfill({ status: 304 }));
    await page.route("**/schedule?*", (r) => r.abort());
    await api(options.edited, `/channels/three/schedule/${e.id}`, { method: "PUT", body: { ...e, title: "Theirs", start: undefined, end: undefined } });
    const from = middle(await event(page, e.id).boundingBox());
    await drag(page, from, { x: from.x + 80, y: from.y });
    await until("what happened", async () => (await toast(page)).includes("Somebody else has changed it"));
    const [stored] = await events("three");
    equal([stored.title, stored.start_time], ["Theirs", e.start_time]);
    await page.unroute("**/channels");
    await page.unroute("**/schedule?*");
    await until("theirs on the screen", async () => (await event(page, e.id).innerText()).includes("Theirs"));
  });

  await step("a form that somebody else's edit has made old says so", async () => {
    const [e] = await events("three");
    await event(page, e.id).click();
    await page.locator("guide-event").waitFor();
    await api(options.edited, `/channels/three/schedule/${e.id}`, { method: "PUT", body: { ...e, title: "Newer", start: undefined, end: undefined } });
    await page.locator("#show-changed").click();
    await until("theirs in the form", async () => (await page.locator("#title").inputValue()) === "Newer");
    await page.locator("#title").fill("Ours");
    await page.getByRole("button", { name: "Save" }).click();
    await until("ours", async () => (await events("three"))[0].title === "Ours");
    await page.locator("aside").waitFor({ state: "detached" });
  });

  await step("an asset that can't be played says why, as the engine would", async () => {
    await page.keyboard.press("Escape");
    // Pasted anywhere, a URL becomes a new event.
    await page.locator(".scroller").focus();
    await page.evaluate((text) => {
      const data = new DataTransfer();
      data.setData("text", text);
      document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    }, vod("nothing"));
    await until("the reason", async () => /can.t be played:[^]*404 Not Found/.test(await page.locator("aside form").first().innerText()));
    await page.keyboard.press("Escape");
  });

  // By keyboard.

  await step("all of it by keyboard", async () => {
    await page.locator("aside").waitFor({ state: "detached" });
    const active = () => page.evaluate(() => { let a = document.activeElement; while (a?.shadowRoot?.activeElement) a = a.shadowRoot.activeElement; return { channel: a?.closest(".row")?.dataset.channel, id: a?.dataset?.id ?? null, tag: a?.id || a?.className }; });
    const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
    await press("t");
    await page.locator(".scroller").focus();
    await press("ArrowDown");
    await until("the focus on two", async () => {
      const { channel } = await active();
      if (channel !== "two") await press("ArrowDown");
      return channel === "two";
    });
    await press("n");
    await page.locator("#uri").waitFor();
    await page.keyboard.type(vod("ember"));
    await press("Tab"); // the asset is looked at
    await page.locator("#found").waitFor();
    await press("Enter");
    const [e] = await until("the event", async () => ((await events("two")).length ? events("two") : null));
    await until("the focus on it", async () => (await active()).id === e.id);

    await press("Space", "ArrowRight", "ArrowRight", "ArrowRight", "Enter");
    const moved = (await until("it later", async () => ((await events("two"))[0].start_time > e.start_time ? events("two") : null)))[0];
    equal(moved.duration, e.duration, "length");
    await until("the focus on it", async () => (await active()).id === e.id);
    for (let i = 0; i < 12; i++) await press("Shift+ArrowRight");
    await press("Enter");
    const longer = (await until("it longer", async () => ((await events("two"))[0].duration > e.duration ? events("two") : null)))[0];
    equal(longer.start_time, moved.start_time, "start");
    await until("the focus on it", async () => (await active()).id === e.id);
    for (let i = 0; i < 3; i++) await press("Shift+Alt+ArrowLeft");
    await press("Enter");
    const earlier = (await until("an earlier start", async () => ((await events("two"))[0].start_time < moved.start_time ? events("two") : null)))[0];
    equal(earlier.end_time, longer.end_time, "end");

    await until("the focus on it", async () => (await active()).id === e.id);
    await press("d");
    const [, copy] = await until("a copy", async () => ((await events("two")).length === 2 ? events("two") : null));
    await until("the focus on it", async () => (await active()).id === copy.id);
    await press("Space", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Enter");
    await page.locator(".draft").waitFor();
    await until("the conflict", async () => (await page.locator("aside form").first().innerText()).includes("Another event is in the way"));
    await page.getByRole("button", { name: "Discard my change" }).focus();
    await press("Enter");
    await page.locator(".draft").waitFor({ state: "detached" });
    await until("the focus on the copy", async () => (await active()).id === copy.id);
    await press("ArrowLeft");
    await until("the focus on the first", async () => (await active()).id === e.id);
    await press("ArrowRight");
    await until("the focus on the copy", async () => (await active()).id === copy.id);
    await press("Delete");
    await until("it gone", async () => (await events("two")).length === 1);
    await press("Control+z");
    await until("it back", async () => (await events("two")).length === 2);
    await press("Control+y");
    await until("it gone again", async () => (await events("two")).length === 1);
    await press("?");
    await page.getByRole("dialog", { name: "Keys and mouse" }).waitFor();
    await axe(page);
    await press("Escape");
  });

  // Channels.

  await step("a channel is made, fills itself, and is deleted with its id only", async () => {
    await page.locator("#new-channel").click();
    await page.locator("#id").fill("made");
    await page.locator("#name").fill("Made here");
    await page.locator("#populate").check();
    await page.locator("#content").fill(`${vod("ember")} Ember\n${vod("meadow")}`);
    await page.locator("#add-block").click();
    await page.getByRole("button", { name: "Make the channel" }).click();
    const made = await until("the channel", async () => { const a = await api(options.edited, "/channels/made"); return a.status === 200 && a.body; });
    equal([made.name, made.config], ["Made here", {
      auto_populate: true, auto_schedule: { blocks: [{ from: "20:00", to: "23:00" }] }, auto_populate_content: [{ uri: vod("ember"), title: "Ember" }, vod("meadow")],
    }], "channel");
    await row(page, "made").waitFor();
    await page.getByRole("heading", { name: "Channel", exact: true }).waitFor();
    await axe(page);
    await page.locator("#name").fill("Renamed");
    await page.getByRole("button", { name: "Save" }).click();
    await until("the name", async () => (await api(options.edited, "/channels/made")).body.name === "Renamed");

    const day = await page.locator("#day").inputValue();
    await page.locator("#upload").setInputFiles({ name: "day.csv", mimeType: "text/csv", buffer: Buffer.from(`uri,start,duration,title\n${vod("ember")},${day}T12:00:00+01:00,60,From a file\n`) });
    await page.locator("#apply").click();
    await until("the file's event", async () => (await events("made")).some((e) => e.title === "From a file"));

    await page.locator("#delete").click();
    const forGood = page.getByRole("button", { name: "Delete for good" });
    await page.locator("#confirm").fill("one");
    truthy(await forGood.isDisabled(), "another id will do");
    await page.locator("#confirm").fill("made");
    await forGood.click();
    await until("it gone", async () => (await api(options.edited, "/channels/made")).status === 404);
    await row(page, "made").waitFor({ state: "detached" });
  });

  await step("the auto-scheduler says what it can't plan", async () => {
    const config = { auto_populate: true, auto_populate_content: `${options.vods}/feed`, auto_schedule: { ahead: "1h" } };
    await api(options.edited, "/channels", { method: "POST", body: { id: "fed", name: "Fed", config } });
    await row(page, "fed").waitFor();
    await until("a plan", async () => (await api(options.edited, "/channels/fed/autoschedule")).body.report?.problems.length === 1);
    await row(page, "fed").locator("button").click();
    await page.locator("#report[open]").waitFor();
    const said = await page.locator("#report").innerText();
    truthy(said.includes("1 of 2 usable") && said.includes("/feed") && /Bad: .*404 Not Found/.test(said), `it says ${said}`);
    await axe(page);
    await page.keyboard.press("Escape");
    await api(options.edited, "/channels/fed", { method: "DELETE" });
    await row(page, "fed").waitFor({ state: "detached" });
  });

  // Who may not.

  await step("what users write is text", async () => {
    const evil = `<img src=x onerror="globalThis.__hit=1"><script>globalThis.__hit=1</script>`;
    const now = Date.now();
    await api(options.edited, "/channels", { method: "POST", body: { id: "evil", name: evil } });
    await api(options.edited, "/channels/evil/schedule", { method: "POST", body: { id: "evil-1", title: evil, description: evil, categories: [evil.slice(0, 40)], uri: `https://vod.example/%3Cscript%3E.m3u8?"><script>`.replace(/[<>"]/g, encodeURIComponent), start_time: now, end_time: now + 30 * minute } });
    equal((await events("evil")).length, 1, "events");
    await page.keyboard.press("t");
    await event(page, "evil-1").waitFor();
    truthy((await event(page, "evil-1").innerText()).includes("<img src=x"), "the title is not shown as it is");
    await event(page, "evil-1").click();
    await page.locator("guide-event").waitFor();
    equal(await page.locator("#title").inputValue(), evil, "title");
    equal([await page.evaluate("globalThis.__hit"), await page.locator("img").count()], [undefined, 0], "what ran, images");
    // Deleted by somebody else while it is open: the form doesn't pretend that another channel was meant.
    await api(options.edited, "/channels/evil", { method: "DELETE" });
    await row(page, "evil").waitFor({ state: "detached" });
    await page.locator("guide-event").getByText("Its channel has been deleted").waitFor();
    equal(await page.locator("#channel").inputValue(), "evil", "channel");
    await page.keyboard.press("Escape");
  });
  await close(edited);

  await step("a page of a foreign origin can't write", async () => {
    const foreign = await open(options.foreign + "/");
    await api(options.edited, "/channels/two/schedule/guarded", { method: "PUT", body: { title: "Guarded", uri: vod("ember"), start_time: Date.now() - 48 * hour, duration: 60 } });
    const before = JSON.stringify([(await api(options.edited, "/channels")).body, await events("one"), await events("two")]);
    const e = { id: "guarded" };
    const tried = await foreign.page.evaluate(async ({ url, id, uri }) => {
      const outcomes = [];
      const send = async (path, init) => {
        try {
          const r = await fetch(url + path, init);
          outcomes.push(r.type === "opaque" ? "sent blind" : r.status);
        } catch {
          outcomes.push("refused");
        }
      };
      const body = JSON.stringify({ id: "foreign", uri, start_time: Date.now() + 9e7, duration: 60 });
      const json = { "Content-Type": "application/json" };
      await send("/channels/two/schedule", { method: "POST", body, headers: json });
      await send("/channels/two/schedule", { method: "POST", body, mode: "no-cors" });
      await send("/channels/two/schedule", { method: "POST", body, mode: "no-cors", headers: { "Content-Type": "text/plain" } });
      await send(`/channels/two/schedule/${id}`, { method: "DELETE" });
      await send(`/channels/two/schedule/${id}`, { method: "PUT", body, headers: json });
      await send("/channels/two", { method: "DELETE" });
      await send("/inspect", { method: "POST", body: JSON.stringify({ uri }), headers: json });
      await send("/inspect", { method: "POST", body: JSON.stringify({ uri }), mode: "no-cors" });
      navigator.sendBeacon(url + "/channels/two/schedule", body);
      for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
        const form = Object.assign(document.createElement("form"), { method: "POST", action: url + "/channels/two/schedule", target: "frame", enctype });
        const input = Object.assign(document.createElement("input"), { name: body.slice(0, -1) + ',"x":"', value: '"}' });
        const frame = Object.assign(document.createElement("iframe"), { name: "frame" });
        form.append(input);
        document.body.append(frame, form);
        form.submit();
        await new Promise((r) => frame.addEventListener("load", r, { once: true }));
        frame.remove();
      }
      return outcomes;
    }, { url: options.edited, id: e.id, uri: vod("ember") });
    truthy(tried.every((o) => o === "refused" || o === "sent blind" || o === 403), `it got through: ${tried}`);
    equal(JSON.stringify([(await api(options.edited, "/channels")).body, await events("one"), await events("two")]), before, "what is stored");
    // Nor may it show the page in a frame, to have people click there.
    const framed = await foreign.page.evaluate(async (url) => {
      const frame = Object.assign(document.createElement("iframe"), { src: url + "/" });
      document.body.append(frame);
      await new Promise((r) => frame.addEventListener("load", r, { once: true }));
      try { return frame.contentDocument === null ? "closed" : "empty"; } catch { return "closed"; }
    }, options.edited);
    equal(framed, "closed", "the frame");
    foreign.faults.length = 0; // the browser has said no to the foreign page, as it should
    await close(foreign);
  });

  await step("the API key is asked for once, and kept for the session", async () => {
    const keyed = await open(options.keyed + "/");
    const dialog = keyed.page.getByRole("dialog", { name: "API key" });
    const plan = async (title) => {
      await keyed.page.locator("#new").click();
      await keyed.page.locator("#title").fill(title);
      await keyed.page.locator("#length").fill("5:00");
      await keyed.page.locator("#uri").fill("https://127.0.0.1:1/x.m3u8");
      await keyed.page.locator("#uri").press("Enter");
    };
    const titles = async () => (await events("one", options.keyed)).map((e) => e.title).sort().join();
    await row(keyed.page, "one").waitFor();
    // Looking at the asset makes the service fetch, and so needs the key already.
    await keyed.page.locator("#new").click();
    await keyed.page.locator("#uri").fill("https://127.0.0.1:1/x.m3u8");
    await keyed.page.locator("#uri").blur();
    await dialog.waitFor();
    await axe(keyed.page);
    await dialog.locator("input").fill("wrong key");
    await dialog.locator("input").press("Enter");
    await until("that it is wrong", async () => (await dialog.innerText()).includes("not one of this service"));
    await dialog.locator("input").fill("right key");
    await dialog.locator("input").press("Enter");
    await dialog.waitFor({ state: "hidden" });
    await keyed.page.keyboard.press("Escape");
    await plan("First");
    await until("the first", async () => (await titles()) === "First");
    await keyed.page.reload();
    await keyed.page.locator(".event", { hasText: "First" }).waitFor();
    await plan("Second");
    await until("the second", async () => (await titles()) === "First,Second");
    equal(await keyed.page.evaluate("Object.keys(localStorage).some((k) => localStorage[k].includes('right key'))"), false, "kept for ever");
    await keyed.page.locator("#forget").click();
    await plan("Third");
    await dialog.waitFor();
    await keyed.page.keyboard.press("Escape");
    await until("the refusal", async () => (await toast(keyed.page)).includes("not done"));
    equal(await titles(), "First,Second", "events");
    await close(keyed);
  });

  await step("days of 23 and 25 hours are right", async () => {
    for (const [date, wants, lacks, twice] of [["2027-03-28", "03:00", "02:00", ""], ["2027-10-31", "02:00", "", "02:00"]]) {
      const dst = await open(options.edited + "/", { zone: "Europe/Stockholm" });
      await row(dst.page, "one").waitFor();
      await zoom(dst.page, 12 * hour);
      await dst.page.locator("#day").fill(date);
      await dst.page.locator("#day").dispatchEvent("change");
      await dst.page.keyboard.press("Escape");
      const ticks = async () => dst.page.locator(".day, .tick").evaluateAll((all, date) => {
        const days = all.filter((e) => e.className.includes("day")).map((e) => ({ x: parseFloat(e.style.left), w: parseFloat(e.style.width), text: e.textContent }));
        const day = days.find((d) => d.text.includes(String(Number(date.slice(8)))));
        return day ? all.filter((e) => e.className.includes("tick") && parseFloat(e.style.left) >= day.x - 0.01 && parseFloat(e.style.left) < day.x + day.w - 0.01).map((e) => e.textContent) : [];
      }, date);
      await until(`the hours of ${date}`, async () => (await ticks()).includes("04:00"));
      const seen = await ticks();
      truthy(seen.includes(wants) && !(lacks && seen.includes(lacks)), `${date}: ${seen}`);
      if (twice) equal(seen.filter((t) => t === twice).length, 2, `${twice} on ${date}`);
      await dst.page.locator("#new").click();
      await dst.page.locator("#date").fill(date);
      await dst.page.locator("#start").fill("12:00");
      await dst.page.locator("#uri").fill(vod("ember"));
      await dst.page.locator("#length").fill("60");
      await dst.page.locator("#channel").selectOption("one");
      await dst.page.getByRole("button", { name: "Plan it" }).click();
      const at = Date.parse(`${date}T12:00:00${date.includes("-03-") ? "+02:00" : "+01:00"}`);
      await until("noon", async () => (await events("one")).some((e) => e.start_time === at));
      await dst.page.locator("#zone").click();
      await until("UTC", async () => (await dst.page.locator(`.cell.event[title*="${date.includes("-03-") ? "10:00" : "11:00"}–"]`).count()) > 0);
      await close(dst);
    }
  });

  await step("200 channels and a week are only as much as can be seen", async () => {
    const many = await open(options.many + "/", { width: 1920, height: 1080 });
    const { page } = many;
    await page.locator(".event").first().waitFor();
    equal(await page.locator(".scroller").getAttribute("aria-rowcount"), "201", "rows");
    const nodes = () => page.evaluate(() => {
      const count = (root) => [...root.querySelectorAll("*")].reduce((n, e) => n + 1 + (e.shadowRoot ? count(e.shadowRoot) : 0), 0);
      return count(document);
    });
    for (const span of [4 * hour, 24 * hour, 7 * 24 * hour]) {
      await zoom(page, span);
      await until("events", async () => (await page.locator(".row .event").count()) > 40);
      await page.waitForTimeout(500);
      const n = await nodes();
      console.log(JSON.stringify(`${span / hour} hours: ${n} elements`));
      truthy(n < 6000, `${n} elements`);
    }
    await zoom(page, 24 * hour);
    const frames = await page.evaluate(async () => {
      const scroller = document.querySelector("consuo-guide").shadowRoot.querySelector("guide-grid").shadowRoot.querySelector(".scroller");
      const times = [];
      let last = performance.now();
      for (let i = 0; i < 60; i++) {
        scroller.scrollBy(i % 40 < 20 ? 25 : -25, 60);
        await new Promise((r) => requestAnimationFrame(r));
        const now = performance.now();
        times.push(now - last);
        last = now;
      }
      times.sort((a, b) => a - b);
      return { median: times[30], p95: times[57], worst: times[59], top: scroller.scrollTop };
    });
    console.log(JSON.stringify(`frames while scrolling: median ${frames.median.toFixed(1)} ms, 95th ${frames.p95.toFixed(1)} ms, worst ${frames.worst.toFixed(1)} ms`));
    truthy(frames.top > 3000, "it did not scroll");
    await until("what is there now", async () => (await page.locator(".row").first().getAttribute("data-channel")) > "c040" && (await page.locator(".row .event").count()) > 40);
    await page.locator("#filter").fill("channel 150");
    await until("few channels", async () => (await page.locator(".row").count()) === 2); // by name and by id
    await close(many);
  });

  // How it looks.

  await step("what aired differs visibly from what was planned", async () => {
    const shown = await open(options.shown + "/");
    await shown.page.locator(".aired[data-kind='failed']").first().waitFor({ state: "attached" });
    await shown.page.locator(".event.failed").first().waitFor();
    await shown.page.locator(".aired[data-kind='filler']").first().waitFor({ state: "attached" });
    await shown.page.locator(".event.failed").last().click();
    await until("the reason", async () => /the origin answers (404|503)/.test(await shown.page.locator("#aired").innerText()));
    await axe(shown.page);
    await close(shown);
  });

  await step("a finger scrolls, and moves what it has tapped", async () => {
    const e = { id: "tapped" };
    await api(options.edited, "/channels", { method: "POST", body: { id: "finger", name: "Finger" } });
    await api(options.edited, "/channels/finger/schedule/tapped", { method: "PUT", body: { title: "Tapped", uri: vod("ember"), start_time: Date.now() - 10 * minute, duration: 1800 } });
    const phone = await open(options.edited + "/", { width: 390, height: 844, touch: true });
    const { page } = phone;
    const client = await phone.context.newCDPSession(page);
    const touch = (type, at) => client.send("Input.dispatchTouchEvent", { type, touchPoints: at ? [at] : [] });
    /** Drags with a finger that rests first, until what is awaited has come. */
    const swipe = async (from, to, rested = async () => {}) => {
      await touch("touchStart", from);
      await rested();
      for (let i = 1; i <= 8; i++) await touch("touchMove", { x: from.x + ((to.x - from.x) * i) / 8, y: from.y + ((to.y - from.y) * i) / 8 });
      await touch("touchEnd");
    };
    const stored = async () => (await events("finger")).find((o) => o.id === e.id);
    const scrolled = () => page.locator(".scroller").evaluate((s) => s.scrollLeft);
    /** On the screen, not where the names cover it. */
    const grip = async () => { const b = await event(page, e.id).boundingBox(); return { x: (Math.max(b.x, 92) + Math.min(b.x + b.width, 390)) / 2, y: b.y + b.height / 2 }; };
    await event(page, e.id).waitFor();
    await zoom(page, 2 * hour);
    const before = await stored();

    const at = await scrolled();
    await swipe(await grip(), { x: (await grip()).x - 60, y: (await grip()).y });
    await until("it scrolled", async () => (await scrolled()) > at + 20);
    equal(await stored(), before, "event");

    await event(page, e.id).tap();
    await page.locator("guide-event").waitFor();
    await axe(page);
    await page.getByRole("button", { name: "Close" }).first().tap();
    await page.locator("aside").waitFor({ state: "detached" });
    const from = await grip();
    await swipe(from, { x: from.x + 60, y: from.y });
    const moved = await until("it later", async () => { const o = await stored(); return o.start_time > before.start_time && o; });
    equal(moved.duration, before.duration, "length");

    // Held for a while it can be moved as well, tapped or not.
    await page.reload();
    await row(page, "finger").waitFor();
    await zoom(page, 2 * hour);
    await event(page, e.id).waitFor();
    const held = await grip();
    await swipe(held, { x: held.x - 60, y: held.y }, () => event(page, e.id).and(page.locator(".held .cell")).waitFor());
    const back = await until("it earlier", async () => { const o = await stored(); return o.start_time < moved.start_time && o; });
    equal(back.duration, before.duration, "length");
    await close(phone);
  });

  for (const [name, theme, width, height] of [["guide", "dark", 1280, 800], ["guide, light", "light", 1280, 800], ["guide-phone", "light", 390, 844], ["guide, a wall", "dark", 1920, 1080]]) {
    await step(`${name}: accessible, and a picture`, async () => {
      const shown = await open(options.shown + "/", { theme, width, height, touch: width < 500 });
      await shown.page.locator(".event").first().waitFor();
      await until("all rows", async () => (await shown.page.locator(".row .known").count()) >= 10);
      await until("what aired", async () => (await shown.page.locator(".aired").count()) > 10);
      await axe(shown.page);
      if (!name.includes(",")) await picture(shown.page, name);
      await close(shown);
    });
  }
});
