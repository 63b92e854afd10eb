// Runs before the first paint, so that pages do not flash in the wrong theme.
(() => {
  let chosen = null;
  try {
    chosen = JSON.parse(localStorage.getItem("seqbayes.theme"));
  } catch {
    // Storage is disabled: use the theme of the system.
  }
  const given = new URLSearchParams(location.search).get("theme");
  if (location.pathname.startsWith("/embed/") && (given === "light" || given === "dark"))
    chosen = given;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const page = document.documentElement;
  page.dataset.theme = chosen === "light" || chosen === "dark" ? chosen : dark ? "dark" : "light";
  // Paper is white.
  let screen = page.dataset.theme;
  addEventListener("beforeprint", () => {
    screen = page.dataset.theme;
    page.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    page.dataset.theme = screen;
  });
})();
