"use strict";
(() => {
  const form = document.querySelector(".find");
  const [input, said] = [form.querySelector("input"), form.querySelector("output")];
  const streams = { c: [], s: [] };
  for (const span of document.querySelectorAll(".b[id]")) {
    const side = streams[span.id[0]];
    if (side) side.push({ span, from: Number(span.id.slice(1)), hex: span.textContent.replace(/\s/g, "") });
  }
  const show = (element, words) => {
    for (let up = element; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
    const own = element.querySelector("details") || element.parentElement.querySelector("details");
    if (own) own.open = true;
    const summary = own ? own.querySelector("summary") : element;
    element.scrollIntoView({ block: "center" });
    summary.focus({ preventScroll: true });
    said.textContent = words;
  };
  const bytes = (hex) => {
    for (const [key, name] of [["c", "client"], ["s", "server"]]) {
      const whole = streams[key].map((piece) => piece.hex).join("");
      let at = whole.indexOf(hex);
      while (at >= 0 && at % 2) at = whole.indexOf(hex, at + 1);
      if (at < 0) continue;
      let before = 0;
      for (const piece of streams[key]) {
        if (at < before + piece.hex.length) {
          const label = piece.span.parentElement.querySelector("summary b");
          show(piece.span.parentElement, `Byte ${piece.from + (at - before) / 2} of what the ${name} sent: ${label ? label.textContent : ""}`);
          return true;
        }
        before += piece.hex.length;
      }
    }
    return false;
  };
  const words = (text) => {
    for (const element of document.querySelectorAll(".f summary, .pkt h3, h2, .v"))
      if (element.textContent.toLowerCase().includes(text)) { show(element.closest(".f") || element, "Found."); return true; }
    return false;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim().toLowerCase();
    const hex = text.replace(/[\s:]/g, "");
    const found = text && ((/^([0-9a-f]{2})+$/.test(hex) && bytes(hex)) || words(text));
    if (!found) said.textContent = text ? "Nothing on this page matches." : "";
  });
  form.hidden = false;
})();
