"use strict";
(() => {
  // printing shows every variant, also those that are folded on screen
  const folded = () => document.querySelectorAll("details:not([open])");
  let opened = [];
  addEventListener("beforeprint", () => { opened = [...folded()]; opened.forEach((d) => { d.open = true; }); });
  addEventListener("afterprint", () => { opened.forEach((d) => { d.open = false; }); opened = []; });

  // reading values off the mean spectra, by pointer or by keyboard (a slider)
  const island = document.getElementById("band-map-data");
  const plot = document.querySelector("#spectra svg.plot");
  const reader = document.querySelector(".reader");
  if (!island || !plot || !reader) return;
  const data = JSON.parse(island.textContent);
  const slider = reader.querySelector("input");
  const output = reader.querySelector("output");
  const cursor = plot.querySelector(".cursor");
  const left = Number(plot.parentElement.dataset.left);
  const right = Number(plot.parentElement.dataset.right);
  const last = data.axis.length - 1;
  const turned = left > right;
  const written = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });

  const nearest = (x) => {
    let low = 0, high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (data.axis[middle] <= x) low = middle; else high = middle;
    }
    return x - data.axis[low] <= data.axis[high] - x ? low : high;
  };

  const tell = (index) => {
    const x = data.axis[index];
    const at = `${100 * (x - left) / (right - left)}%`;
    cursor.removeAttribute("hidden");
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    const inside = data.regions.filter(([, , low, high]) => low <= x && x <= high);
    const where = inside.map(([kind, name]) => ` (${kind} ${name})`).join("");
    const values = Object.entries(data.mean).map(([label, mean]) =>
      `${label} ${mean[index] === null ? "–" : String(Number(mean[index].toPrecision(4))).replaceAll("-", "−")}`);
    const place = data.names ? data.names[index] : `${written.format(x)} ${data.unit}`;
    output.textContent = `${place}${where}: ${values.join(" · ")}`;
    slider.value = String(turned ? last - index : index);
    slider.setAttribute("aria-valuetext", output.textContent);
  };

  slider.max = String(last);
  slider.addEventListener("input", () => tell(turned ? last - Number(slider.value) : Number(slider.value)));
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    tell(nearest(left + share * (right - left)));
  });
  reader.hidden = false;
  output.textContent = "Point at a curve, or use the slider, to read values off.";
})();
