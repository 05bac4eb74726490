import { run, until } from "./harness.mjs";

await run(async ({ options, open, step, axe, picture }) => {
  for (const theme of ["dark", "light"]) {
    const { page } = await open(options.url, { theme });
    await step(`${theme}: shows its title`, () => until("the title", () => page.getByRole("heading", { level: 1 }).isVisible()));
    await step(`${theme}: is accessible`, () => axe(page));
    await step(`${theme}: picture`, () => picture(page, `multiview-${theme}`));
  }
});
