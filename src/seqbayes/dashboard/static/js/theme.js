// Runs before the first paint, so that no page flashes in the other theme.
(() => {
  let chosen = null;
  try {
    chosen = JSON.parse(localStorage.getItem("seqbayes.theme"));
  } catch {
    // Storage is forbidden: the system decides.
  }
  const asked = new URLSearchParams(location.search).get("theme");
  if (location.pathname.startsWith("/embed/") && (asked === "light" || asked === "dark"))
    chosen = asked;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme =
    chosen === "light" || chosen === "dark" ? chosen : dark ? "dark" : "light";
})();
