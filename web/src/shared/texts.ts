// All that the pages say, in one place. A page takes its own and the common
// ones; what it does not import is not in its bundle.

export const common = {
  loading: "Loading…",
  themeDark: "Dark theme",
  themeLight: "Light theme",
  licenses: "Licences",
  channel: "Channel",
  channels: "Channels",
  filler: "Filler",
  slate: "Slate",
  untitled: "Untitled",
  close: "Close",
};

export const multiview = {
  title: "Multiview",
};

export const guide = {
  title: "Guide",
};
