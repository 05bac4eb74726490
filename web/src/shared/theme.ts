// Dark or light: as the system has it, unless somebody has chosen.

export type Theme = "dark" | "light";
const key = "consuo-theme";

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(key);
    return value === "dark" || value === "light" ? value : null;
  } catch {
    return null; // storage may be forbidden: then the choice lasts as long as the page
  }
}

/** Marks the document with the chosen theme, if there is one; theme.css reads the mark. */
export function applyTheme(): void {
  const chosen = stored();
  if (chosen) document.documentElement.dataset["theme"] = chosen;
}

/** The theme that is to be seen now. */
export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  if (chosen === "dark" || chosen === "light") return chosen;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // see stored
  }
}
