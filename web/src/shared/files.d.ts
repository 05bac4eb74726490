declare module "*.css";

// See build.mjs: the URL of a file, relative to the importing script (import.meta.url).
declare module "file:*" {
  const url: string;
  export default url;
}
