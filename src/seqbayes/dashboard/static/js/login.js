// Says whether the token was wrong; the form itself needs no script.
const wrong = new URLSearchParams(location.search).has("wrong");
document.getElementById("wrong").hidden = !wrong;
if (wrong) document.getElementById("token").setAttribute("aria-invalid", "true");
