// Shows why the last attempt failed; the form works without scripts.
const query = new URLSearchParams(location.search);
const wrong = query.has("wrong");
const seconds = Number(query.get("wait"));
const note = document.getElementById("wrong");
note.hidden = !wrong && !(seconds > 0);
if (seconds > 0) {
  note.textContent = `Too many wrong tokens from this address. Try again in ${seconds} s.`;
}
if (wrong) document.getElementById("token").setAttribute("aria-invalid", "true");
