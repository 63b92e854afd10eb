// A lesson in a frame that has its own origin: it can neither read nor change the notebook.

function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.setAttribute("title", "A lesson of seqbayes");
  frame.style.cssText = `width:100%;height:${model.get("height")}px;border:0`;
  // a blob has an address, to which the lesson appends its step; an srcdoc document has none
  const address = URL.createObjectURL(new Blob([model.get("page")], { type: "text/html" }));
  frame.src = address;
  el.append(frame);
  return () => URL.revokeObjectURL(address);
}

export default { render };
