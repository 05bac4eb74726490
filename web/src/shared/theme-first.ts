// Runs before anything is drawn, so that nobody sees the wrong theme first.
import { applyTheme } from "./theme.ts";

applyTheme();
