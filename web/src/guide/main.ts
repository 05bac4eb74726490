import "../shared/theme.css";
import "./app.ts";
