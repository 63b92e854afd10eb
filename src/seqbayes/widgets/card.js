// A belief in a notebook: the picture from Python, and a slider for the level of its interval.

function render({ model, el }) {
  const picture = document.createElement("div");
  picture.setAttribute("aria-live", "polite");
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: "0.5", max: "0.99", step: "0.01" });
  const label = document.createElement("label");
  const text = document.createElement("span");
  label.append("credible interval ", slider, " ", text);
  const show = () => {
    picture.innerHTML = model.get("html");
  };
  const showLevel = () => {
    slider.value = String(model.get("level"));
    text.textContent = `${Math.round(100 * model.get("level"))} %`;
  };
  const change = () => {
    model.set("level", Number(slider.value));
    model.save_changes();
  };
  slider.addEventListener("input", change);
  model.on("change:html", show);
  model.on("change:level", showLevel);
  show();
  showLevel();
  el.append(picture, label);
  return () => {
    model.off("change:html", show);
    model.off("change:level", showLevel);
  };
}

export default { render };
