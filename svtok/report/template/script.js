"use strict";
(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const themes = ["automatic", "light", "dark"];
  let theme = "automatic";
  try { theme = localStorage.getItem("svtok-theme") || theme; } catch (_) { /* files may store nothing */ }
  const show = () => {
    if (theme === "automatic") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = "Theme: " + theme;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("svtok-theme", theme); } catch (_) { /* as above */ }
    show();
  });
  show();

  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((head, column) => {
      head.firstElementChild.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.querySelectorAll("thead th")) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows].map((row) => [row.cells[column].dataset.value, row]);
        const known = rows.filter(([value]) => value !== undefined);
        known.sort((a, b) => {
          const difference = Number(a[0]) - Number(b[0]);
          return (falling ? -1 : 1) * (Number.isNaN(difference) ? compare(a[0], b[0]) : difference);
        });
        const unknown = rows.filter(([value]) => value === undefined);  // always last
        table.tBodies[0].append(...[...known, ...unknown].map(([, row]) => row));
      });
    });
  }

  const clips = new Map([...document.querySelectorAll("audio")].map((clip) => [clip.dataset.utt, clip]));
  for (const player of document.querySelectorAll("button.play")) {
    const clip = clips.get(player.dataset.clip);
    player.addEventListener("click", () => {
      const again = clip.paused;
      for (const other of clips.values()) { other.pause(); other.currentTime = 0; }
      if (again) clip.play();
    });
    const draw = () => { player.textContent = clip.paused ? "▶" : "■"; };
    for (const event of ["play", "pause", "ended"]) clip.addEventListener(event, draw);
  }

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
})();
